"""The tasks of extractor.py. Each runs in its own process."""
import importlib.util
import itertools
import json
import math
import os
import site
import sys
import time

from yt_dlp.utils import determine_protocol

from . import pages
from .failures import EMPTY_SAYINGS, Failure, no_formats
from .listing import LIST_TYPES, MAX_TITLE, entry_of, flat, follow, text_of
from .session import jar_of, open_ydl

TOOLS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def load_sandbox():
    """The sandbox.py of these tools, by its path: a package of that name may be installed."""
    spec = importlib.util.spec_from_file_location('sandbox', os.path.join(TOOLS, 'sandbox.py'))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sandbox = load_sandbox()

# Longest answer of a task. The largest honest ones have a few megabytes; the reader drops much longer ones.
MAX_ANSWER_BYTES = 32 << 20
PROGRESS_SECONDS = 0.25
# In these live states formats come later; having none yet is not a failure.
AWAITED = ('is_upcoming',)
WEB_PROTOCOLS = (
    'http', 'https', 'm3u8', 'm3u8_native', 'http_dash_segments', 'http_dash_segments_generator', 'ism', 'f4m')
FORMAT_FIELDS = (
    'format_id', 'url', 'manifest_url', 'protocol', 'ext', 'container', 'vcodec', 'acodec', 'width', 'height', 'fps',
    'tbr', 'vbr', 'abr', 'filesize', 'filesize_approx', 'language', 'language_preference', 'format_note',
    'audio_track', 'audio_roles', 'audio_default', 'audio_characteristics', 'fragment_base_url', 'fragments', 'http_headers',
    'cookies')


def extract(task, log, _send):
    with open_ydl(task, log, skip_download=True) as ydl:
        return extracted(ydl, task, log)


def extracted(ydl, task, log):
    found = ydl.extract_info(task['url'], download=False, ie_key=task['extractor'])
    info = ydl.sanitize_info(found)
    if info is None:
        raise no_formats(log)
    if info.get('_type', 'video') != 'video':
        return {'info': info, **jar_of(task, ydl)}
    formats = info.get('formats') or []
    if not formats and not info.get('url') and info.get('live_status') not in AWAITED:
        raise no_formats(log)
    requested = requested_of(info)
    if not formats and info.get('url'):  # the URL itself is the only format
        requested = info['formats'] = [{key: info[key] for key in FORMAT_FIELDS if info.get(key) is not None}]
    lines = {}
    for item in (*(info.get('formats') or ()), *requested):
        if item.get('url') and (cookie := ydl.cookiejar.get_cookie_header(item['url'])):
            item['cookie_header'] = cookie
            for line in map(set_cookie_line, ydl.cookiejar.get_cookies_for_url(item['url'])):
                lines.setdefault(line, item['url'])
    if lines:
        info['cookie_lines'] = [{'url': url, 'line': line} for line, url in lines.items()]
    return {'info': info, 'requested': requested, **jar_of(task, ydl)}


def set_cookie_line(cookie):
    """The cookie as the site set it. One without a domain goes only to the host that set it."""
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
        # without the formats that the extraction chose: this task has its own selector
        info = web_only(ydl.sanitize_info(task['info'], True))
        done = ydl.process_ie_result(info, download=True)
        paths = [item['filepath'] for item in (done or {}).get('requested_downloads') or () if item.get('filepath')]
        if not paths:
            raise Failure('NothingDownloaded', '\n'.join(log.warnings) or 'No file was downloaded')
        return {'paths': paths, **jar_of(task, ydl)}


def web_only(info):
    """The info without formats that yt-dlp would leave to another program, which bypasses the proxy (such as RTMP)."""
    formats = [item for item in info.get('formats') or [info] if determine_protocol(item) in WEB_PROTOCOLS]
    if not formats:
        raise Failure('NoFormats', EMPTY_SAYINGS[0])
    return {**info, 'formats': formats} if info.get('formats') else info


def list_entries(task, log, send):
    """Sends {"list": title}, then an {"entry"} for each item as soon as the source reports it."""
    with open_ydl(task, log, skip_download=True) as ydl:
        first = ydl.extract_info(task['url'], download=False, process=False, ie_key=task['extractor'])
        found = follow(ydl, first)
        if found is None:
            raise no_formats(log)
        if found.get('_type', 'video') not in LIST_TYPES:
            found = {'title': found.get('title'), 'entries': [{**found, '_type': 'url', 'url': task['url']}]}
        send({'part': {'list': text_of(found.get('title'), MAX_TITLE)}})
        for entry in itertools.islice(flat(ydl, found, task['skip']), task['limit']):
            send({'part': {'entry': entry_of(entry, task['url'])}})
        return jar_of(task, ydl)


def confine(task):
    """Restricts this process to what its task needs. This cannot be undone."""
    limits, access = task['limits'], task['access']
    pages.Limits.page_bytes = limits['page']
    if access is not None:
        own = [sys.prefix, sys.base_prefix, site.getusersitepackages(), TOOLS]
        read = [path for path in (*access['read'], *own, *sys.path) if os.path.isabs(path)]
        sandbox.restrict(read, [*access['write'], os.getcwd()], access['ports'])
    sandbox.limit(limits['memory'], limits['cpu'])


def finite(value):
    """The value without numbers that JSON lacks: a source may claim that its media lasts 1e999 seconds."""
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
