"""Opens yt-dlp for a task. What all tasks share is made once, before the first of them."""
import functools
import gc
import http.server
import io
import signal
import threading

import yt_dlp
from yt_dlp.networking import common as networking
from yt_dlp.postprocessor.ffmpeg import FFmpegPostProcessor

from . import feeds, manifests, pages
from .failures import Log

# Processor time for choosing an extractor. It takes a millisecond; a hostile URL could make it take hours.
CHOICE_SECONDS = 0.25

WARM_PAGE = b'''<html><head><title>t</title><meta property="og:video" content="/v.mp4">
<script type="application/ld+json">{"@context": "https://schema.org", "@type": "VideoObject", "name": "t",
"contentUrl": "/m.m3u8"}</script></head></html>'''
WARM_PLAYLIST = b'#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=2x2\na.m3u8\n'
WARM_PARAMS = {'quiet': True, 'no_warnings': True, 'cachedir': False, 'ignoreerrors': True, 'proxy': '',
               'js_runtimes': {}, 'format': 'bv*[vcodec~=h264][height<=1]+ba/b', 'format_sort': ['res:1']}

# All extractors by key, in the order in which yt-dlp asks them. Building this again would cost each task 25 ms.
EXTRACTORS = {}
# For each of them, what decides whether it is responsible for an address. See `responsibility_of`.
RESPONSIBILITIES = {}


class NumberedYoutubeDL(yt_dlp.YoutubeDL):
    """Keeps the order in which a source lists its formats. It decides between languages that differ in nothing else."""

    def sort_formats(self, info_dict):
        for order, item in enumerate(self._get_formats(info_dict)):
            item.setdefault('source_order', order)
        super().sort_formats(info_dict)


def open_ydl(task, log, kind=NumberedYoutubeDL, **extra):
    cookies = task.get('cookies')
    params = {**task['params'], **extra, 'logger': log}
    if cookies is not None:
        params['cookiefile'] = io.StringIO(cookies)
    ydl = kind(params, auto_init=False)
    ydl._ies = EXTRACTORS  # a task changes them only in its own process
    return ydl


def jar_of(task, ydl):
    """The cookies as the task leaves them, for its response; nothing if it was given none."""
    if task.get('cookies') is None:
        return {}
    text = io.StringIO()
    ydl.cookiejar.save(text)
    return {'jar': text.getvalue()}


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
    """Prepares what all tasks share, and runs the usual paths once, which compiles the patterns of all extractors."""
    pages.install()
    # yt-dlp would let ffmpeg guess the format of foreign bytes; here it only downloads and never converts
    FFmpegPostProcessor._determine_executables = lambda _self: {}
    # reading all certificates of the machine costs 25 ms, even if TLS is never used
    networking.make_ssl_context = functools.cache(networking.make_ssl_context)
    with yt_dlp.YoutubeDL({**WARM_PARAMS, 'logger': Log()}) as ydl:
        EXTRACTORS.update(ydl._ies)
    for extractor in EXTRACTORS.values():  # compiles its patterns
        extractor.suitable('http://127.0.0.1/')
    RESPONSIBILITIES.update((key, responsibility_of(extractor)) for key, extractor in EXTRACTORS.items())
    server = http.server.HTTPServer(('127.0.0.1', 0), WarmOrigin)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    for path in ('page.html', 'master.m3u8'):
        url = f'http://127.0.0.1:{server.server_port}/{path}'
        with open_ydl({'params': WARM_PARAMS}, Log()) as ydl:
            ydl._ies = dict(EXTRACTORS)  # instances that are created here must not reach a task
            ydl.extract_info(url, download=False, ie_key=extractor_for(url))
    yt_dlp.extractor.get_info_extractor('Youtube')
    feeds.install()
    manifests.install()
    server.shutdown()
    server.server_close()
    thread.join()  # a fork is only safe while there is one thread
    gc.collect()
    gc.freeze()  # a child's collector must not touch, and so copy, the shared pages


def responsibility_of(extractor):
    """The extractor's own decision. Most only compare the address with a pattern, which is asked directly: all of them
    together take a millisecond then instead of five."""
    kind = extractor if isinstance(extractor, type) else type(extractor)
    *special, base, _object = kind.__mro__
    names = ('suitable', '_match_valid_url')
    is_usual = all(name in vars(base) and not any(name in vars(item) for item in special) for name in names)
    patterns = vars(kind).get('_VALID_URL_RE')
    return patterns[0].match if is_usual and patterns and len(patterns) == 1 else extractor.suitable


class TooLong(Exception):
    pass


def extractor_for(url):
    """The key of the extractor that yt-dlp would choose; None if there is none, or if finding it takes too long."""
    def give_up(*_args):
        raise TooLong

    try:
        signal.signal(signal.SIGVTALRM, give_up)
        signal.setitimer(signal.ITIMER_VIRTUAL, CHOICE_SECONDS)
        try:
            return next((key for key, is_responsible in RESPONSIBILITIES.items() if is_responsible(url)), None)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    except Exception:  # the task will meet the same error
        return None
