import type { PodcastEpisode, PodcastShow } from "./podcast-shows.ts";

/**
 * The show's open RSS feed in pieces, as publishers write them: some titles with leading numbers, markup in CDATA,
 * durations in all three forms, every fifth date off by a day. Episodes that are exclusive to Spotify are missing,
 * those that Spotify removed are included.
 *
 * @param base of the media's addresses, without a slash at the end
 */
export function* podcastFeed(show: PodcastShow, base: string): Generator<string> {
  yield `<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:content="http://purl.org/rss/1.0/modules/content/">
<channel><title>${escapeXml(show.name)}</title><itunes:author>${escapeXml(show.publisher)}</itunes:author>
<description>For tests</description>
`;
  for (const [index, episode] of show.episodes.entries()) {
    if (!episode.exclusive) yield item(episode, index, base);
  }
  yield "</channel></rss>\n";
}

function item({ title, description, date, duration, path, id }: PodcastEpisode, index: number, base: string) {
  const late = index % 5 === 4 ? 24 * 60 * 60_000 : 0;
  const published = new Date(Date.parse(`${date}T06:00:00Z`) + late).toUTCString();
  return `<item><title>${escapeXml(index % 3 === 0 ? `#${index + 1} - ${title}` : title)}</title>
<description><![CDATA[<p>${description}</p>]]></description>
<content:encoded><![CDATA[<p>${description} Not an end: </item></p>]]></content:encoded>
<pubDate>${published}</pubDate><guid isPermaLink="false">${id}</guid>
<itunes:duration>${durationOf(duration, index)}</itunes:duration>
<enclosure url="${escapeXml(`${base}${path}?a=1&b=2`)}" length="1000" type="audio/mpeg"/></item>
`;
}

function durationOf(seconds: number, index: number): string {
  const two = (value: number) => `${Math.floor(value)}`.padStart(2, "0");
  if (index % 3 === 0) return `${seconds}`;
  if (index % 3 === 1) return `${Math.floor(seconds / 60)}:${two(seconds % 60)}`;
  return `${two(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
}

const escapeXml = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
