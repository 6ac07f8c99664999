"""Bounds what a task of yt-dlp takes into memory of one response, before and after decompression.

A response that is read in one piece is a page or a manifest; media is read in pieces, which bound themselves, as long
as decompression is bounded: a megabyte of gzip may hold a gigabyte. Encodings other than gzip and deflate are neither
asked for nor understood, nor are several at once: their decoders cannot be stopped half-way.
"""
import io
import urllib.request
import zlib

from yt_dlp.networking import _urllib
from yt_dlp.networking.exceptions import RequestError

try:
    from yt_dlp.networking import _requests
except ImportError:  # without the package requests, urllib is used
    _requests = None
try:
    from yt_dlp.networking import _curlcffi
except ImportError:
    _curlcffi = None

ENCODINGS = ['gzip', 'deflate']
CHUNK_BYTES = 1 << 20
# Window bits: gzip or zlib by their headers, and deflate without one.
AUTOMATIC, RAW = 32 + zlib.MAX_WBITS, -zlib.MAX_WBITS


class PageTooLarge(RequestError):
    """Of the base of yt-dlp's own errors, which all its layers let pass; no network error, and so not tried again."""


class Limits:
    """Set once for each task, in its own process."""
    page_bytes = 32 << 20


def check(length):
    if length > Limits.page_bytes:
        raise PageTooLarge(f'The page is larger than {Limits.page_bytes} bytes')
    return length


class Decoder:
    """Decompresses gzip or deflate, to no more than the limit in all. Has the interface of urllib3's decoders."""
    has_unconsumed_tail = False

    def __init__(self):
        self._zlib = zlib.decompressobj(AUTOMATIC)
        self._is_begun = False
        self._length = 0

    def decompress(self, data, max_length=-1):
        if not data:
            return b''
        room = Limits.page_bytes - self._length + 1
        try:
            found = self._zlib.decompress(data, room)
        except zlib.error:
            if self._is_begun:
                raise
            self._zlib = zlib.decompressobj(RAW)
            found = self._zlib.decompress(data, room)
        self._is_begun = True
        self._length = check(self._length + len(found))
        return found

    def flush(self):
        return b''


def http_response(_handler, _request, response):
    """In place of the urllib handler's own, which decompresses without a limit."""
    encoding = response.headers.get('Content-encoding', '').strip().lower()
    if encoding not in ENCODINGS:
        return response
    packed = response.read(Limits.page_bytes + 1)
    check(len(packed))
    body = io.BytesIO(Decoder().decompress(packed))
    unpacked = urllib.request.addinfourl(body, response.headers, response.url, response.code)
    unpacked.msg = response.msg
    return unpacked


def capped(read):
    """A `read` of a response that takes no more than the limit when it is asked for everything."""
    def read_capped(self, amt=None):
        if amt is not None:
            return read(self, amt)
        length = self.headers.get('Content-Length')
        if length is not None and length.isdigit() and not self.headers.get('Content-Encoding'):
            check(int(length))
            return read(self)  # which also sees that nothing is missing
        parts, total = [], 0
        while part := read(self, CHUNK_BYTES):
            total = check(total + len(part))
            parts.append(part)
        return b''.join(parts)
    return read_capped


def install():
    _urllib.SUPPORTED_ENCODINGS[:] = ENCODINGS
    _urllib.HTTPHandler.http_response = _urllib.HTTPHandler.https_response = http_response
    adapters = [_urllib.UrllibResponseAdapter]
    if _requests:
        _requests.SUPPORTED_ENCODINGS[:] = ENCODINGS
        responses = _requests.urllib3.response
        responses._get_decoder = lambda _mode: Decoder()
        responses.HTTPResponse.CONTENT_DECODERS = ENCODINGS
        adapters.append(_requests.RequestsResponseAdapter)
    if _curlcffi:
        adapters.append(_curlcffi.CurlCFFIResponseAdapter)
    for adapter in adapters:
        adapter.read = capped(adapter.read)
