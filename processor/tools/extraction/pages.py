"""Limits how much of one response a task of yt-dlp takes into memory, before and after decompression.

Pages and manifests are read in one piece and limited here. Media is read in small pieces, but those must not grow
without limit when they are decompressed: a megabyte of gzip may hold a gigabyte. Only gzip and deflate are accepted,
and only one of them at a time: other decoders cannot be stopped half-way.
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
# Enough to recognise a compressed body.
SNIFFED_BYTES = 1 << 12
# Window bits: gzip or zlib, recognised by the header, and deflate without one.
AUTOMATIC, RAW = 32 + zlib.MAX_WBITS, -zlib.MAX_WBITS


class PageTooLarge(RequestError):
    """All layers of yt-dlp let a RequestError pass. It is not a network error, so nothing tries again."""


class Limits:
    """Set once for each task, in its own process."""
    page_bytes = 32 << 20


def check(length):
    if length > Limits.page_bytes:
        raise PageTooLarge(f'The page is larger than {Limits.page_bytes} bytes')
    return length


# No compressed body begins like this, but a decoder might accept it.
PLAIN = (b'#EXTM3U', b'\x1aE\xdf\xa3', b'OggS', b'ID3', b'fLaC', b'RIFF')
TEXT = frozenset(b'\t\n\r') | frozenset(range(0x20, 0x7f))


def decoder_for(head):
    """The decoder for a body that claims to be compressed, by its first bytes; None if the claim is false. It is false for
    many files in object stores, which serve whatever header came with the upload."""
    if head.startswith(PLAIN) or TEXT.issuperset(head[:64]) or head[4:8] in (b'ftyp', b'styp', b'moov', b'moof', b'sidx'):
        return None
    for bits in (AUTOMATIC, RAW):
        try:
            zlib.decompressobj(bits).decompress(head, CHUNK_BYTES)
            return zlib.decompressobj(bits)
        except zlib.error:
            pass
    return None


class Decoder:
    """Decompresses gzip or deflate, up to the limit. Has the interface of urllib3's decoders."""
    has_unconsumed_tail = False

    def __init__(self):
        self._zlib = None
        self._is_begun = False
        self._length = 0

    def decompress(self, data, max_length=-1):
        if not data:
            return b''
        if not self._is_begun:
            self._zlib = decoder_for(data)
            self._is_begun = True
        if self._zlib is None:
            return data
        room = Limits.page_bytes - self._length + 1
        found = self._zlib.decompress(data, room)
        self._length = check(self._length + len(found))
        return found

    def flush(self):
        return b''


class Rejoined(io.RawIOBase):
    """A response whose beginning was read already."""

    def __init__(self, head, response):
        self._head, self._response = head, response

    def readable(self):
        return True

    def readinto(self, buffer):
        data = self._head or self._response.read(len(buffer))
        self._head = data[len(buffer):] if self._head else b''
        data = data[:len(buffer)]
        buffer[:len(data)] = data
        return len(data)

    def close(self):
        self._response.close()
        super().close()


def http_response(_handler, _request, response):
    """Replaces the urllib handler's own method, which decompresses without a limit."""
    claims = [name.strip().lower() for name in response.headers.get('Content-encoding', '').split(',')]
    if not any(name in ENCODINGS for name in claims):
        return response
    head = response.read(SNIFFED_BYTES)
    if decoder_for(head) is None:
        body = io.BufferedReader(Rejoined(head, response))
    else:
        packed = head + response.read(Limits.page_bytes + 1)
        check(len(packed))
        body = io.BytesIO(Decoder().decompress(packed))
    unpacked = urllib.request.addinfourl(body, response.headers, response.url, response.code)
    unpacked.msg = response.msg
    return unpacked


def bare_playlist(data):
    """The beginning of a playlist without a byte order mark or blank lines in front, which yt-dlp would reject."""
    start = data.find(b'#EXTM3U', 0, 64)
    is_blank = start > 0 and not data[:start].removeprefix(b'\xef\xbb\xbf').strip()
    return data[start:] if is_blank else data


def capped(read):
    """A `read` of a response that stops at the limit when it is asked for everything. See also `bare_playlist`."""
    def read_capped(self, amt=None):
        if amt is not None:
            data = read(self, amt)
            is_first, self.was_read = not getattr(self, 'was_read', False), True
            return bare_playlist(data) if is_first else data
        length = self.headers.get('Content-Length')
        if length is not None and length.isdigit() and not self.headers.get('Content-Encoding'):
            check(int(length))
            return read(self)  # which also detects missing bytes
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
