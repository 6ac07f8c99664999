"""Keeps what HLS and DASH manifests say and yt-dlp drops or misreads."""
import functools
import re
import time
import urllib.parse

from yt_dlp.downloader.hls import HlsFD
from yt_dlp.extractor import generic
from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.utils import parse_duration, parse_m3u8_attributes, unified_timestamp

EXTINF = re.compile(r'#EXTINF:\s*(\d{1,9}(?:\.\d{1,9})?)')
HLS_END = re.compile(r'^#EXT-X-(?:ENDLIST|PLAYLIST-TYPE:\s*VOD\b)', re.I | re.M)
HLS_KEY = re.compile(r'^#EXT-X-(?:SESSION-)?KEY:(.*)', re.M)
KEY_METHOD = re.compile(r'\bMETHOD\s*=\s*"?\s*([^",\s]+)', re.I)
KEY_FORMAT = re.compile(r'\bKEYFORMAT\s*=\s*"?\s*([^",\s]*)', re.I)
FAIRPLAY_URI = re.compile(r'\bURI\s*=\s*"?\s*skd:', re.I)
ADOBE_ACCESS = '#EXT-X-FAXS-CM:'
TRICK_PLAY = ('http://dashif.org/guidelines/trickmode', 'http://dashif.org/guidelines/trickplay')
# Schemes by which manifests mark a track as audio description.
ACCESSIBILITY = {
    ('urn:tva:metadata:cs:AudioPurposeCS:2007', '1'): 'description',
    ('urn:mpeg:dash:role:2011', 'description'): 'description',
}


def has_drm(playlist):
    """Whether only licensed players get the keys. yt-dlp says so as soon as one key of several is for those."""
    if ADOBE_ACCESS in playlist:
        return True
    keys = [key for key in HLS_KEY.findall(playlist)
            if (method := KEY_METHOD.search(key)) and method[1].upper() != 'NONE']
    return bool(keys) and all(map(is_licensed, keys))


def is_licensed(key):
    key_format = KEY_FORMAT.search(key)
    return bool(FAIRPLAY_URI.search(key)) or (key_format[1] if key_format else '').lower() not in ('', 'identity')


def judge_drm_by_media(parse):
    """A master playlist may list only the keys for licensed players, although its media playlists have another one."""
    @functools.wraps(parse)
    def wrapper(self, m3u8_doc, m3u8_url=None, *args, **options):
        formats, subtitles = parse(self, m3u8_doc, m3u8_url, *args, **options)
        is_master = '#EXT-X-TARGETDURATION' not in m3u8_doc
        if formats and is_master and has_drm(m3u8_doc) and ADOBE_ACCESS not in m3u8_doc:
            first = self._download_webpage(
                formats[-1]['url'], options.get('video_id'), note=False, errnote=False, fatal=False,
                headers=options.get('headers') or {})
            if first and not has_drm(first):
                for item in formats:
                    item['has_drm'] = False
        return formats, subtitles
    return wrapper


def keep_hls_audio(parse):
    """Keeps facts on audio that yt-dlp drops: DEFAULT, CHARACTERISTICS, the language of a variant."""
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
        inside = {}  # renditions without an address are part of their group's variants
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


def hls_vod_duration(self, m3u8_vod, _video_id):
    """Whole seconds; None for a live stream. yt-dlp mistakes short playlists and VOD ones without an end for live."""
    self.hls_has_ended = bool(HLS_END.search(m3u8_vod))
    if not self.hls_has_ended:
        return None
    total = sum(float(found[1]) for found in map(EXTINF.match, m3u8_vod.splitlines()) if found)
    return max(1, int(total)) if total > 0 else None


def ended_without_duration(inspect):
    """A playlist that has ended is not live, even if it states no lengths, from which yt-dlp would conclude it."""
    @functools.wraps(inspect)
    def wrapper(self, info, *args, **options):
        self.hls_has_ended = False
        inspect(self, info, *args, **options)
        if self.hls_has_ended and info.get('live_status') == 'is_live':
            info['live_status'] = 'not_live'
    return wrapper


def end_finished_presentation(mpd):
    """A manifest may stay `dynamic` after its live event; the event is over if its stated duration has passed."""
    duration = parse_duration(mpd.get('mediaPresentationDuration'))
    start = unified_timestamp(mpd.get('availabilityStartTime'))
    if mpd.get('type') == 'dynamic' and duration and start is not None and start + duration < time.time():
        mpd.set('type', 'static')


def remove_trick_play(mpd):
    """Removes video of single frames for fast forward, which looks like the largest or the smallest video."""
    for period in mpd.iterfind('.//{*}Period'):
        for adaptation_set in period.findall('{*}AdaptationSet'):
            properties = (*adaptation_set.iterfind('{*}EssentialProperty'), *adaptation_set.iterfind('{*}SupplementalProperty'))
            if any(element.get('schemeIdUri') in TRICK_PLAY for element in properties):
                period.remove(adaptation_set)


def keep_dash_roles(parse):
    """Keeps the roles and the accessibility of audio, which yt-dlp drops."""
    @functools.wraps(parse)
    def wrapper(self, mpd_doc, mpd_id=None, *args, **options):
        end_finished_presentation(mpd_doc)
        remove_trick_play(mpd_doc)
        # a segment without an address is a part of its representation's file, which yt-dlp does not handle
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


def install():
    InfoExtractor._parse_m3u8_formats_and_subtitles = judge_drm_by_media(
        keep_hls_audio(InfoExtractor._parse_m3u8_formats_and_subtitles))
    HlsFD._has_drm = staticmethod(has_drm)
    InfoExtractor._parse_m3u8_vod_duration = hls_vod_duration
    generic.GenericIE._extra_manifest_info = ended_without_duration(generic.GenericIE._extra_manifest_info)
    InfoExtractor._parse_mpd_periods = keep_dash_roles(InfoExtractor._parse_mpd_periods)
