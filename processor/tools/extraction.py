"""What a task does with yt-dlp, and what all tasks share; extractor.py starts them."""
import email.utils
import functools
import gc
import http.server
import importlib.util
import io
import itertools
import json
import math
import os
import re
import signal
import site
import sys
import threading
import time
import urllib.parse

import yt_dlp
from yt_dlp.extractor import generic
from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.networking import common as networking
from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.postprocessor.ffmpeg import FFmpegPostProcessor
from yt_dlp.utils import ExtractorError, PlaylistEntries, determine_protocol, parse_m3u8_attributes, smuggle_url, unified_timestamp, unsmuggle_url, UnsupportedError

def module_beside(name):
    """A module of this folder, which is not on the path: nothing of yt-dlp shall find one of ours by accident."""
    spec = importlib.util.spec_from_file_location(name, os.path.join(os.path.dirname(__file__), f'{name}.py'))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


page_limits = module_beside('page-limits')
sandbox = module_beside('sandbox')

# Of one response of a task; the largest honest ones have some megabytes, and the reader drops what is much longer.
MAX_ANSWER_BYTES = 32 << 20
PROGRESS_SECONDS = 0.25
MAX_WARNINGS = 20
# Processor time that the choice of an extractor may take; it takes 4 ms, a hostile URL could make it hours.
CHOICE_SECONDS = 0.25
# Formats of these live states come later; their absence is no failure.
AWAITED = ('is_upcoming',)
WEB_PROTOCOLS = (
    'http', 'https', 'm3u8', 'm3u8_native', 'http_dash_segments', 'http_dash_segments_generator', 'ism', 'f4m')
# What yt-dlp adds to every response without formats, whatever the reason.
EMPTY_SAYINGS = ('No video formats found!', 'Requested format is not available')
FORMAT_FIELDS = (
    'format_id', 'url', 'manifest_url', 'protocol', 'ext', 'container', 'vcodec', 'acodec', 'width', 'height', 'fps',
    'tbr', 'vbr', 'abr', 'filesize', 'filesize_approx', 'language', 'language_preference', 'format_note',
    'audio_track', 'audio_roles', 'audio_default', 'audio_characteristics', 'fragment_base_url', 'fragments', 'http_headers',
    'cookies')

LIST_TYPES = ('playlist', 'multi_video')
LINK_TYPES = ('url', 'url_transparent')
# What YouTube calls entries that only their owner may see, and those that are gone.
UNAVAILABLE_TITLES = ('[Private video]', '[Deleted video]')
MAX_HOPS = 5
MAX_ID = 200
MAX_TITLE = 1000
MAX_DESCRIPTION = 1000

WARM_PAGE = b'''<html><head><title>t</title><meta property="og:video" content="/v.mp4">
<script type="application/ld+json">{"@context": "https://schema.org", "@type": "VideoObject", "name": "t",
"contentUrl": "/m.m3u8"}</script></head></html>'''
WARM_PLAYLIST = b'#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=2x2\na.m3u8\n'
WARM_PARAMS = {'quiet': True, 'no_warnings': True, 'cachedir': False, 'ignoreerrors': True, 'proxy': '',
               'js_runtimes': {}, 'format': 'bv*[vcodec~=h264][height<=1]+ba/b', 'format_sort': ['res:1']}

# All extractors by their keys, in the order in which yt-dlp asks them. To make this anew costs a task 25 ms.
EXTRACTORS = {}


def feed_timestamp(text, *args, **options):
    """The date of a feed's item: yt-dlp tries some fifty other formats first, which takes seconds for a long feed."""
    parsed = email.utils.parsedate_tz(text) if isinstance(text, str) else None
    if parsed and parsed[9] is not None:
        return email.utils.mktime_tz(parsed)
    return unified_timestamp(text, *args, **options)


class NumberedYoutubeDL(yt_dlp.YoutubeDL):
    """Keeps the order in which a source names its formats: between languages that nothing else tells apart it decides."""

    def sort_formats(self, info_dict):
        for order, item in enumerate(self._get_formats(info_dict)):
            item.setdefault('source_order', order)
        super().sort_formats(info_dict)


def keep_hls_audio(parse):
    """What a master playlist says of its audio and yt-dlp drops: DEFAULT, CHARACTERISTICS, the language of a variant."""
    @functools.wraps(parse)
    def wrapper(self, m3u8_doc, m3u8_url=None, *args, **options):
        formats, subtitles = parse(self, m3u8_doc, m3u8_url, *args, **options)
        renditions = []
        variants = {}
        pending = None
        for line in m3u8_doc.splitlines():
            if line.startswith('#EXT-X-MEDIA:'):
                media = parse_m3u8_attributes(line)
                if media.get('TYPE') == 'AUDIO':
                    renditions.append(media)
            elif line.startswith('#EXT-X-STREAM-INF:'):
                pending = parse_m3u8_attributes(line)
            elif pending and line.strip() and not line.startswith('#'):
                variants[urllib.parse.urljoin(m3u8_url or '', line.strip())] = pending.get('AUDIO')
                pending = None
        by_url = {urllib.parse.urljoin(m3u8_url or '', media['URI']): media for media in renditions if media.get('URI')}
        inside = {}  # renditions without an address are inside their group's variants
        for media in renditions:
            if not media.get('URI') and media.get('GROUP-ID') not in inside:
                inside[media.get('GROUP-ID')] = media
        for item in formats:
            media = by_url.get(item.get('url'))
            if media is None and item.get('acodec') != 'none':
                media = inside.get(variants.get(item.get('url')))
            if media is not None:
                item['language'] = item.get('language') or media.get('LANGUAGE')
                item['audio_default'] = media.get('DEFAULT') == 'YES'
                item['audio_characteristics'] = ' '.join(filter(None, (media.get('CHARACTERISTICS'), media.get('NAME'))))
        return formats, subtitles
    return wrapper


EXTINF = re.compile(r'#EXTINF:\s*(\d{1,9}(?:\.\d{1,9})?)')
HLS_END = re.compile(r'^#EXT-X-(?:ENDLIST|PLAYLIST-TYPE:\s*VOD\b)', re.I | re.M)


def hls_vod_duration(_self, m3u8_vod, _video_id):
    """Whole seconds; None while it is live. yt-dlp takes a list of type VOD without an end for live, and short ones."""
    if not HLS_END.search(m3u8_vod):
        return None
    total = sum(float(found[1]) for found in map(EXTINF.match, m3u8_vod.splitlines()) if found)
    return max(1, int(total)) if total > 0 else None


def keep_dash_roles(parse):
    """The roles and the accessibility of a manifest's audio, which yt-dlp drops."""
    @functools.wraps(parse)
    def wrapper(self, mpd_doc, mpd_id=None, *args, **options):
        # a segment without an address is part of its representation's own file, which yt-dlp does not know
        for tag, name in (('Initialization', 'sourceURL'), ('SegmentURL', 'media')):
            for element in mpd_doc.iterfind(f'.//{{*}}{tag}'):
                if element.get(name) is None:
                    element.set(name, '')
        periods = parse(self, mpd_doc, mpd_id, *args, **options)
        facts = {}
        for adaptation_set in mpd_doc.iterfind('.//{*}AdaptationSet'):
            roles = [element.get('value', '').lower() for element in adaptation_set.iterfind('{*}Role')]
            roles += [ACCESSIBILITY.get((element.get('schemeIdUri'), element.get('value')), '')
                      for element in adaptation_set.iterfind('{*}Accessibility')]
            label = ' '.join(element.text or '' for element in adaptation_set.iterfind('{*}Label'))
            for representation in adaptation_set.iterfind('{*}Representation'):
                # a tuple: yt-dlp compares formats by their hashes
                facts[representation.get('id')] = (tuple(filter(None, roles)), label)
        periods = list(periods)
        for period in periods:
            for item in period.get('formats') or ():
                format_id = item.get('format_id') or ''
                if mpd_id and format_id.startswith(f'{mpd_id}-'):
                    format_id = format_id[len(mpd_id) + 1:]
                if item.get('acodec') != 'none' and format_id in facts:
                    item['audio_roles'], item['audio_characteristics'] = facts[format_id]
        return periods
    return wrapper


# Schemes by which manifests call a track audio description.
ACCESSIBILITY = {
    ('urn:tva:metadata:cs:AudioPurposeCS:2007', '1'): 'description',
    ('urn:mpeg:dash:role:2011', 'description'): 'description',
}

# Encodings that web servers and feeds name wrongly, as browsers read them.
WEB_ENCODINGS = {'iso-8859-1': 'cp1252', 'latin1': 'cp1252', 'latin-1': 'cp1252', 'us-ascii': 'cp1252',
                 'shift_jis': 'cp932', 'shift-jis': 'cp932', 'ks_c_5601-1987': 'cp949', 'gb2312': 'gb18030'}
BYTE_ORDER_MARKS = ((b'\xef\xbb\xbf', 'utf-8-sig'), (b'\xff\xfe\x00\x00', 'utf-32'), (b'\xff\xfe', 'utf-16'),
                    (b'\xfe\xff', 'utf-16'), (b'<\x00', 'utf-16-le'), (b'\x00<', 'utf-16-be'))
XML_ENCODING = re.compile(br'''\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]+)''')
HTTP_CHARSET = re.compile(r'''charset\s*=\s*["']?([A-Za-z0-9._-]+)''', re.I)
FEED_START = re.compile(r'\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*|<!DOCTYPE[^>]*>\s*)*<(?:rss|rdf:RDF)[\s>]', re.S)
XML_BASE = '{http://www.w3.org/XML/1998/namespace}base'


def encoding_of(guess):
    """The encoding by byte order mark, HTTP header and XML declaration; yt-dlp knows no declarations."""
    def wrapper(content_type, content):
        marked = next((name for mark, name in BYTE_ORDER_MARKS if content.startswith(mark)), None)
        charset = HTTP_CHARSET.search(content_type or '')
        declared = XML_ENCODING.match(content)
        name = marked or (charset and charset[1]) or (declared and declared[1].decode('ascii'))
        return WEB_ENCODINGS.get(name.lower(), name) if name else guess(content_type, content)
    return wrapper


def readable_xml(read):
    """XML without what may not stand in front of its declaration; remembers that it is a feed, and whose address it has."""
    @functools.wraps(read)
    def wrapper(self, urlh, *args, **options):
        content = read(self, urlh, *args, **options)
        if isinstance(content, str):
            bare = content.lstrip('\ufeff \t\r\n')
            if bare.startswith('<?xml') or FEED_START.match(bare):
                content = bare
            self.feed_url = urlh.url if FEED_START.match(bare) else None
        return content
    return wrapper


def whole_feed_addresses(extract):
    """Addresses of a feed's items may be relative to the feed, or to what it calls its base."""
    @functools.wraps(extract)
    def wrapper(self, url, video_id, doc):
        feed = extract(self, url, video_id, doc)
        channel = doc.find('./channel')
        base = getattr(self, 'feed_url', None) or url
        for element in (doc, channel):
            base = urllib.parse.urljoin(base, element.get(XML_BASE, '') if element is not None else '')
        bases = []
        for item in doc.findall('./channel/item'):
            address = next((element.get('url') for element in item.findall('./enclosure')), item.findtext('link'))
            if address:
                bases.append(urllib.parse.urljoin(base, item.get(XML_BASE, '')))
        for entry, entry_base in zip(feed['entries'], bases):
            address, data = unsmuggle_url(entry['url'], {})
            entry['url'] = smuggle_url(urllib.parse.urljoin(entry_base, address.strip()), data)
        return feed
    return wrapper


def feed_or_failure(extract):
    """What looks like a feed and cannot be parsed is called so; yt-dlp goes on to look for videos in its text."""
    @functools.wraps(extract)
    def wrapper(self, url):
        self.feed_url = None
        try:
            return extract(self, url)
        except UnsupportedError:
            if self.feed_url:
                raise Failure('InvalidFeed', 'The feed is not well-formed XML') from None
            raise
    return wrapper


class WarmOrigin(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        is_playlist = self.path.endswith('.m3u8')
        body = WARM_PLAYLIST if is_playlist else WARM_PAGE
        self.send_response(200)
        self.send_header('content-type', 'application/vnd.apple.mpegurl' if is_playlist else 'text/html')
        self.send_header('content-length', str(len(body)))
        self.end_headers()
        if self.command == 'GET':
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_args):
        pass


def warm_up():
    """Makes what all tasks share, and runs the usual paths once, which compiles the patterns of all extractors."""
    page_limits.install()
    # yt-dlp would let ffmpeg guess what foreign bytes are; here it downloads, and converts nothing
    FFmpegPostProcessor._determine_executables = lambda _self: {}
    # to read all certificates of the machine costs 25 ms, whether or not TLS is spoken
    networking.make_ssl_context = functools.cache(networking.make_ssl_context)
    with yt_dlp.YoutubeDL({**WARM_PARAMS, 'logger': Log()}) as ydl:
        EXTRACTORS.update(ydl._ies)
    server = http.server.HTTPServer(('127.0.0.1', 0), WarmOrigin)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    for path in ('page.html', 'master.m3u8'):
        url = f'http://127.0.0.1:{server.server_port}/{path}'
        with open_ydl({'params': WARM_PARAMS}, Log()) as ydl:
            ydl._ies = dict(EXTRACTORS)  # those that are opened here belong to no task
            ydl.extract_info(url, download=False, ie_key=extractor_for(url))
    yt_dlp.extractor.get_info_extractor('Youtube')
    generic.unified_timestamp = feed_timestamp
    guess = InfoExtractor._guess_encoding_from_content
    InfoExtractor._guess_encoding_from_content = staticmethod(encoding_of(guess))
    InfoExtractor._webpage_read_content = readable_xml(InfoExtractor._webpage_read_content)
    generic.GenericIE._extract_rss = whole_feed_addresses(generic.GenericIE._extract_rss)
    generic.GenericIE._real_extract = feed_or_failure(generic.GenericIE._real_extract)
    is_html = generic.is_html
    generic.is_html = lambda content: is_html(content) or content[:2] in (b'<\x00', b'\x00<')
    InfoExtractor._parse_m3u8_formats_and_subtitles = keep_hls_audio(InfoExtractor._parse_m3u8_formats_and_subtitles)
    InfoExtractor._parse_m3u8_vod_duration = hls_vod_duration
    InfoExtractor._parse_mpd_periods = keep_dash_roles(InfoExtractor._parse_mpd_periods)
    server.shutdown()
    server.server_close()
    thread.join()  # a fork is only safe while there is one thread
    gc.collect()
    gc.freeze()  # the collector of a child must not touch (and so copy) the pages it shares


class TooLong(Exception):
    pass


def extractor_for(url):
    """The key of the extractor that yt-dlp would choose; None where that is not found in good time, or not at all."""
    def give_up(*_args):
        raise TooLong

    try:
        signal.signal(signal.SIGVTALRM, give_up)
        signal.setitimer(signal.ITIMER_VIRTUAL, CHOICE_SECONDS)
        try:
            return next((key for key, extractor in EXTRACTORS.items() if extractor.suitable(url)), None)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    except Exception:  # whatever it is, the task meets it again on its own
        return None


class Log:
    """Keeps what yt-dlp would print."""

    def __init__(self):
        self.warnings = []

    def debug(self, _message):
        pass

    def info(self, _message):
        pass

    def warning(self, message, **_options):
        if len(self.warnings) < MAX_WARNINGS:
            self.warnings.append(message)

    def error(self, _message):
        pass


class Failure(Exception):
    """A task whose answer is empty; `kind` stands in for the class of an exception."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


def no_formats(log):
    """The reason is among the warnings, as extractors only warn when absent formats are to be ignored."""
    reasons = [text for text in log.warnings if not any(saying in text for saying in EMPTY_SAYINGS)]
    return Failure('NoFormats', '\n'.join(reasons) or EMPTY_SAYINGS[0])


def open_ydl(task, log, **extra):
    cookies = task.get('cookies')
    params = {**task['params'], **extra, 'logger': log}
    if cookies is not None:
        params['cookiefile'] = io.StringIO(cookies)
    ydl = NumberedYoutubeDL(params, auto_init=False)
    ydl._ies = EXTRACTORS  # what a task adds, it adds in a process of its own
    return ydl


def extract(task, log, _send):
    with open_ydl(task, log, skip_download=True) as ydl:
        found = ydl.extract_info(task['url'], download=False, ie_key=task['extractor'])
        info = ydl.sanitize_info(found)
        if info is None:
            raise no_formats(log)
        if info.get('_type', 'video') != 'video':
            return {'info': info}
        formats = info.get('formats') or []
        if not formats and not info.get('url') and info.get('live_status') not in AWAITED:
            raise no_formats(log)
        requested = requested_of(info)
        if not formats and info.get('url'):  # the response is its own only format
            requested = info['formats'] = [{key: info[key] for key in FORMAT_FIELDS if info.get(key) is not None}]
        lines = {}
        for item in (*(info.get('formats') or ()), *requested):
            if item.get('url') and (cookie := ydl.cookiejar.get_cookie_header(item['url'])):
                item['cookie_header'] = cookie
                for line in map(set_cookie_line, ydl.cookiejar.get_cookies_for_url(item['url'])):
                    lines.setdefault(line, item['url'])
        if lines:
            info['cookie_lines'] = [{'url': url, 'line': line} for line, url in lines.items()]
        return {'info': info, 'requested': requested}


def set_cookie_line(cookie):
    """As the site set it: one without a domain of its own goes to the host alone that set it."""
    domain = f'; Domain={cookie.domain}' if cookie.domain_specified and cookie.domain.startswith('.') else ''
    return f'{cookie.name}={cookie.value}; Path={cookie.path}{domain}{"; Secure" if cookie.secure else ""}'


def select(task, log, _send):
    with open_ydl(task, log, skip_download=True) as ydl:
        info = ydl.process_ie_result(ydl.sanitize_info(task['info'], True), download=False)
        info = ydl.sanitize_info(info)
        order = [item.get('format_id') for item in info.get('formats') or ()]
        return {'info': task['info'], 'requested': requested_of(info), 'order': order}


def requested_of(info):
    """The formats that the selector chose: one, or video and audio."""
    return info.get('requested_formats') or [
        known for known in info.get('formats') or [] if known.get('format_id') == info.get('format_id')][:1]


def download(task, log, send):
    last = 0.0

    def on_progress(state):
        nonlocal last
        now = time.monotonic()
        if now - last < PROGRESS_SECONDS and state['status'] != 'finished':
            return
        last = now
        send({'progress': {
            'bytes': state.get('downloaded_bytes') or 0,
            'total': state.get('total_bytes') or state.get('total_bytes_estimate')}})

    with open_ydl(task, log, progress_hooks=[on_progress]) as ydl:
        # Without what the extraction had chosen: the choice is made anew, by this task's own selector.
        info = web_only(ydl.sanitize_info(task['info'], True))
        done = ydl.process_ie_result(info, download=True)
        paths = [item['filepath'] for item in (done or {}).get('requested_downloads') or () if item.get('filepath')]
        if not paths:
            raise Failure('NothingDownloaded', '\n'.join(log.warnings) or 'No file was downloaded')
        return {'paths': paths}


def web_only(info):
    """The info without formats that another program would fetch past the proxy (RTMP, RTSP and the like)."""
    formats = [item for item in info.get('formats') or [info] if determine_protocol(item) in WEB_PROTOCOLS]
    if not formats:
        raise Failure('NoFormats', EMPTY_SAYINGS[0])
    return {**info, 'formats': formats} if info.get('formats') else info


def list_entries(task, log, send):
    """Sends {"list": title} and an {"entry"} for each item, as soon as the source has reported it."""
    with open_ydl(task, log, skip_download=True) as ydl:
        first = ydl.extract_info(task['url'], download=False, process=False, ie_key=task['extractor'])
        found = follow(ydl, first)
        if found is None:
            raise no_formats(log)
        if found.get('_type', 'video') not in LIST_TYPES:
            found = {'title': found.get('title'), 'entries': [{**found, '_type': 'url', 'url': task['url']}]}
        send({'part': {'list': text_of(found.get('title'), MAX_TITLE)}})
        for entry in itertools.islice(flat(ydl, found), task['limit']):
            send({'part': {'entry': entry_of(entry, task['url'])}})
        return {}


def follow(ydl, info):
    """What a short link or another address of the same thing leads to."""
    for _hop in range(MAX_HOPS):
        if not info or info.get('_type') not in LINK_TYPES:
            return info
        info = ydl.extract_info(info['url'], download=False, process=False, ie_key=info.get('ie_key'))
    raise Failure('UnsupportedError', 'The address leads nowhere')


def flat(ydl, found):
    """The entries in order; lists within the list (the tabs of a channel) are reported with what stands in them."""
    for _index, entry in PlaylistEntries(ydl, found).get_requested_items():
        if entry and entry.get('_type') in LIST_TYPES and entry.get('entries') is not None:
            yield from flat(ydl, entry)
        else:
            yield entry or {}


def entry_of(entry, list_url):
    timestamp = entry.get('timestamp') or entry.get('release_timestamp')
    title = text_of(entry.get('title'), MAX_TITLE)
    return {
        'url': address_of(entry, list_url),
        'id': text_of(entry.get('id'), MAX_ID),
        # a feed knows the titles of its files better than the files do
        'authoritative': entry.get('_type') == 'url_transparent',
        'title': title,
        'description': text_of(entry.get('description'), MAX_DESCRIPTION),
        'release_date': date_of(timestamp) or entry.get('upload_date'),
        'unavailable': title in UNAVAILABLE_TITLES or entry.get('availability') == 'private',
    }


def address_of(entry, list_url):
    """The item's own address, without what yt-dlp hides in it for itself; None where it has none."""
    if entry.get('_type') not in LINK_TYPES:  # looked at already: its page, unless that is the list's, or its media
        page = entry.get('webpage_url')
        media = entry.get('url') or next((item.get('url') for item in reversed(entry.get('formats') or ())), None)
        return page if page and page != list_url else media
    url = unsmuggle_url(entry.get('url') or '')[0]
    return f'https://www.youtube.com/watch?v={url}' if entry.get('ie_key') == 'Youtube' and '/' not in url else url


def date_of(timestamp):
    try:
        return time.strftime('%Y%m%d', time.gmtime(timestamp)) if timestamp else None
    except (ValueError, OverflowError, OSError, TypeError):
        return None


def text_of(value, limit):
    return str(value).strip()[:limit] or None if value is not None else None


def chain_of(error):
    """The exception and all that caused it, the outermost first."""
    seen = []
    pending = [error]
    while pending:
        current = pending.pop(0)
        if not isinstance(current, BaseException) or current in seen:
            continue
        seen.append(current)
        exc_info = getattr(current, 'exc_info', None)
        pending += [exc_info[1] if exc_info else None, getattr(current, 'cause', None),
                    current.__cause__, current.__context__]
    return seen


def failure_of(error, log):
    if isinstance(error, Failure):
        return {'type': error.kind, 'message': str(error), 'expected': True, 'warnings': log.warnings}
    chain = chain_of(error)
    main = next((item for item in chain if isinstance(item, ExtractorError)), None) or next(
        (item for item in chain if not isinstance(item, yt_dlp.DownloadError)), error)
    cause = getattr(main, 'cause', None)
    http_error = next((item for item in (main, cause) if isinstance(item, HTTPError)), None)
    retry_after = http_error.response.headers.get('Retry-After') if http_error else None
    return {
        'type': type(main).__name__,
        'message': str(getattr(main, 'msg', None) or main or type(main).__name__),
        'expected': bool(getattr(main, 'expected', False)),
        'httpStatus': http_error.status if http_error else None,
        'httpReason': http_error.reason if http_error else None,
        'retryAfter': retry_after,
        'countries': getattr(main, 'countries', None),
        'cause': type(cause).__name__ if cause else None,
        'errno': next((item.errno for item in chain if isinstance(item, OSError) and item.errno), None),
        'warnings': log.warnings,
    }


def confine(task):
    """Leaves this process what its task needs; for ever."""
    limits, access = task['limits'], task['access']
    page_limits.Limits.page_bytes = limits['page']
    if access is not None:
        own = [sys.prefix, sys.base_prefix, site.getusersitepackages(), os.path.dirname(__file__)]
        read = [path for path in (*access['read'], *own, *sys.path) if os.path.isabs(path)]
        sandbox.restrict(read, [*access['write'], os.getcwd()], access['ports'])
    sandbox.limit(limits['memory'], limits['cpu'])


def finite(value):
    """The same without numbers that JSON does not have: a source may say that its media lasts 1e999 seconds."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def line_of(answer):
    try:
        text = json.dumps(answer, default=repr, allow_nan=False)
    except ValueError:
        text = json.dumps(finite(answer), default=repr, allow_nan=False)
    if len(text) > MAX_ANSWER_BYTES:
        raise Failure('AnswerTooLarge', f'The answer has {len(text)} characters')
    return text.encode() + b'\n'
