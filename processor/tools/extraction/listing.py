"""The entries of a list as the source names them, without a request for any of them."""
import itertools
import math
import time

from yt_dlp.utils import PagedList, PlaylistEntries, unsmuggle_url

from .failures import Failure

LIST_TYPES = ('playlist', 'multi_video')
LINK_TYPES = ('url', 'url_transparent')
# YouTube's titles of entries that only their owner may see, and of deleted ones.
UNAVAILABLE_TITLES = ('[Private video]', '[Deleted video]')
MAX_HOPS = 5
MAX_ID = 200
MAX_TITLE = 1000
MAX_DESCRIPTION = 1000
MAX_NAME = 100
LIVE = {'is_upcoming': 'upcoming', 'is_live': 'live', 'post_live': 'live', 'was_live': 'was_live'}


def follow(ydl, info):
    """Follows short links and other addresses of the same thing."""
    for _hop in range(MAX_HOPS):
        if not info or info.get('_type') not in LINK_TYPES:
            return info
        info = ydl.extract_info(info['url'], download=False, process=False, ie_key=info.get('ie_key'))
    raise Failure('UnsupportedError', 'The address only leads to further addresses')


def flat(ydl, found, skip=0):
    """The entries in order, without the first ones; a list within the list (such as a tab of a channel) is replaced by
    its entries. Pages of a list with numbered pages are left out without being read."""
    entries = found.get('entries')
    if skip and isinstance(entries, PagedList) and not is_list(next(iter(entries.getslice(0, 1)), None)):
        return expanded(ydl, found, skip)
    return itertools.islice(expanded(ydl, found), skip, None)


def expanded(ydl, found, first=0):
    for _index, entry in PlaylistEntries(ydl, found)[first + 1:]:
        if is_list(entry):
            yield from expanded(ydl, entry)
        else:
            yield entry or {}


def is_list(entry):
    return bool(entry) and entry.get('_type') in LIST_TYPES and entry.get('entries') is not None


def entry_of(entry, list_url):
    timestamp = entry.get('timestamp') or entry.get('release_timestamp')
    title = text_of(entry.get('title'), MAX_TITLE)
    return {
        'url': address_of(entry, list_url),
        'id': text_of(entry.get('id'), MAX_ID),
        # a feed has better titles for its files than the files have
        'authoritative': entry.get('_type') == 'url_transparent',
        'title': title,
        'description': text_of(entry.get('description'), MAX_DESCRIPTION),
        'release_date': date_of(timestamp) or entry.get('upload_date'),
        'unavailable': title in UNAVAILABLE_TITLES or entry.get('availability') == 'private',
        'site': site_of(entry),
        'channel': text_of(entry.get('channel') or entry.get('uploader'), MAX_NAME),
        'timestamp': number_of(timestamp),
        'duration': number_of(entry.get('duration')),
        'live': LIVE.get(entry.get('live_status')),
    }


def site_of(entry):
    """The site that the entry's id belongs to; pages and feeds that no extractor knows have no ids of their own."""
    site = entry.get('ie_key') or entry.get('extractor_key')
    return None if not site or site == 'Generic' else text_of(site, MAX_NAME)


def number_of(value):
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) else None


def address_of(entry, list_url):
    """The item's own address, without the data that yt-dlp smuggles in it; None if it has none."""
    if entry.get('_type') not in LINK_TYPES:  # extracted already: its page, unless that is the list's own, or its media
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
