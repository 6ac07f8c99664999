"""Reads podcast feeds as they are published: in any encoding, with relative addresses, with blanks in front."""
import email.utils
import functools
import json
import re
import urllib.parse
import xml.etree.ElementTree as etree

from yt_dlp.extractor import generic
from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.utils import UnsupportedError, smuggle_url, unified_timestamp, unsmuggle_url

from .failures import Failure

# Encodings that servers and feeds often name wrongly, and how browsers read them.
WEB_ENCODINGS = {'iso-8859-1': 'cp1252', 'latin1': 'cp1252', 'latin-1': 'cp1252', 'us-ascii': 'cp1252',
                 'shift_jis': 'cp932', 'shift-jis': 'cp932', 'ks_c_5601-1987': 'cp949', 'gb2312': 'gb18030'}
BYTE_ORDER_MARKS = ((b'\xef\xbb\xbf', 'utf-8-sig'), (b'\xff\xfe\x00\x00', 'utf-32'), (b'\xff\xfe', 'utf-16'),
                    (b'\xfe\xff', 'utf-16'), (b'<\x00', 'utf-16-le'), (b'\x00<', 'utf-16-be'))
XML_ENCODING = re.compile(br'''\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]+)''')
HTTP_CHARSET = re.compile(r'''charset\s*=\s*["']?([A-Za-z0-9._-]+)''', re.I)
FEED_START = re.compile(r'\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*|<!DOCTYPE[^>]*>\s*)*<(?:rss|rdf:RDF|feed)[\s>]', re.S)
JSON_FEED = re.compile(r'\s*\{.{0,400}?jsonfeed\.org/version/', re.S)
XML_BASE = '{http://www.w3.org/XML/1998/namespace}base'
ATOM = '{http://www.w3.org/2005/Atom}'
MEDIA_RSS = '{http://search.yahoo.com/mrss/}'
XML_REFUSED = re.compile('[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]')
PLAYABLE = re.compile(r'(?:audio|video)/', re.I)


def feed_timestamp(text, *args, **options):
    """The date of a feed's item. yt-dlp tries some fifty other formats first, which takes seconds for a long feed."""
    parsed = email.utils.parsedate_tz(text) if isinstance(text, str) else None
    if parsed and parsed[9] is not None:
        return email.utils.mktime_tz(parsed)
    return unified_timestamp(text, *args, **options)


def encoding_of(guess):
    """The encoding by byte order mark, HTTP header or XML declaration; yt-dlp ignores the declaration."""
    def wrapper(content_type, content):
        marked = next((name for mark, name in BYTE_ORDER_MARKS if content.startswith(mark)), None)
        charset = HTTP_CHARSET.search(content_type or '')
        declared = XML_ENCODING.match(content)
        name = marked or (charset and charset[1]) or (declared and declared[1].decode('ascii'))
        return WEB_ENCODINGS.get(name.lower(), name) if name else guess(content_type, content)
    return wrapper


def readable_xml(read):
    """XML without the blanks that must not precede its declaration. Remembers the final address of a feed."""
    @functools.wraps(read)
    def wrapper(self, urlh, *args, **options):
        content = read(self, urlh, *args, **options)
        if isinstance(content, str):
            bare = content.lstrip('\ufeff \t\r\n')
            if JSON_FEED.match(bare):
                content = bare = json_feed_as_rss(bare)
            if bare.startswith('<?xml') or FEED_START.match(bare):
                content = bare
            self.feed_url = urlh.url if FEED_START.match(bare) else None
        return content
    return wrapper


def json_feed_as_rss(text):
    """A JSON feed (jsonfeed.org, 1.0 and 1.1) as RSS. Items without audio or video have only their page."""
    try:
        feed = json.loads(text)
    except ValueError:
        raise Failure('InvalidFeed', 'The feed is not well-formed JSON') from None
    rss = etree.Element('rss')
    channel = etree.SubElement(rss, 'channel')

    def put(parent, tag, value):
        if isinstance(value, str):
            etree.SubElement(parent, tag).text = XML_REFUSED.sub(' ', value)

    put(channel, 'title', feed.get('title'))
    put(channel, 'description', feed.get('description'))
    items = feed.get('items')
    for entry in items if isinstance(items, list) else ():
        if not isinstance(entry, dict):
            continue
        item = etree.SubElement(channel, 'item')
        body = entry.get('summary') or entry.get('content_text') or entry.get('content_html')
        for tag, value in (('title', entry.get('title')), ('guid', entry.get('id')), ('description', body),
                           ('pubDate', entry.get('date_published')), ('link', entry.get('url'))):
            put(item, tag, value)
        attached = entry.get('attachments')
        for attachment in attached if isinstance(attached, list) else ():
            if isinstance(attachment, dict) and isinstance(attachment.get('url'), str):
                etree.SubElement(item, 'enclosure', {
                    'url': attachment['url'], 'type': str(attachment.get('mime_type') or '')})
    return etree.tostring(rss, encoding='unicode')


def put_media_first(item):
    """Makes an item's audio or video its first enclosure, before a picture; yt-dlp takes the first and no Media RSS."""
    enclosures = item.findall('./enclosure')
    for enclosure in enclosures:
        if PLAYABLE.match(enclosure.get('type', '')):
            item.remove(enclosure)
            item.insert(0, enclosure)
            return
    if enclosures:
        return
    media = [content for content in item.iterfind(f'.//{MEDIA_RSS}content')
             if content.get('url') and PLAYABLE.match(content.get('type', ''))]
    if media:
        chosen = next((content for content in media if content.get('isDefault') == 'true'), media[0])
        etree.SubElement(item, 'enclosure', {'url': chosen.get('url'), 'type': chosen.get('type')})


def atom_as_rss(parse):
    """Atom feeds as RSS, the only kind of feed that yt-dlp reads."""
    @functools.wraps(parse)
    def wrapper(text):
        doc = parse(text)
        if doc.tag != f'{ATOM}feed':
            return doc
        rss = etree.Element('rss', {key: value for key, value in doc.items() if key == XML_BASE})
        channel = etree.SubElement(rss, 'channel')
        etree.SubElement(channel, 'title').text = doc.findtext(f'{ATOM}title')
        for entry in doc.iterfind(f'{ATOM}entry'):
            item = etree.SubElement(channel, 'item', {key: value for key, value in entry.items() if key == XML_BASE})
            for name, tags in (('title', ('title',)), ('guid', ('id',)), ('description', ('summary', 'content')),
                               ('pubDate', ('published', 'updated'))):
                etree.SubElement(item, name).text = next(filter(None, (entry.findtext(ATOM + tag) for tag in tags)), None)
            for link in entry.iterfind(f'{ATOM}link'):
                if link.get('rel') == 'enclosure' and link.get('href'):
                    etree.SubElement(item, 'enclosure', {'url': link.get('href'), 'type': link.get('type', '')})
                elif link.get('rel', 'alternate') == 'alternate' and item.find('link') is None:
                    etree.SubElement(item, 'link').text = link.get('href')
            item.extend(entry.iterfind(f'.//{MEDIA_RSS}content'))
        return rss
    return wrapper


def whole_feed_addresses(extract):
    """Resolves addresses of items that are relative to the feed, or to the base that it declares."""
    @functools.wraps(extract)
    def wrapper(self, url, video_id, doc):
        for item in doc.findall('./channel/item'):
            put_media_first(item)
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
    """Reports a feed that cannot be parsed; yt-dlp would go on to look for videos in its text."""
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


def install():
    generic.unified_timestamp = feed_timestamp
    guess = InfoExtractor._guess_encoding_from_content
    InfoExtractor._guess_encoding_from_content = staticmethod(encoding_of(guess))
    InfoExtractor._webpage_read_content = readable_xml(InfoExtractor._webpage_read_content)
    generic.compat_etree_fromstring = atom_as_rss(generic.compat_etree_fromstring)
    generic.GenericIE._extract_rss = whole_feed_addresses(generic.GenericIE._extract_rss)
    generic.GenericIE._real_extract = feed_or_failure(generic.GenericIE._real_extract)
    is_html = generic.is_html
    generic.is_html = lambda content: (
        is_html(content) or content[:2] in (b'<\x00', b'\x00<')
        or JSON_FEED.match(content.decode('utf-8-sig', 'replace')) is not None)
