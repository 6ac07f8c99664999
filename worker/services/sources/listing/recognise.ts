import { spotifyItem } from "../../../lib/spotify-address.ts";
import { isShortLinkHost, isYoutubeHost } from "../../../lib/youtube-address.ts";
import type { Recognised } from "./listing.ts";

/**
 * Decides by the URL alone what it asks for: a Spotify show or episode, a YouTube playlist, mix or channel, or one media
 * item. With `batch` every other URL is a list, too. Pure. A URL that only resembles one of these sites is a media item.
 *
 * @param url a valid http or https URL
 * @example recognise("https://youtu.be/abc?list=PL1", false) // { type: "playlist", url: "https://www.youtube.com/playlist?list=PL1" }
 */
export function recognise(url: string, batch: boolean): Recognised {
  const parsed = URL.parse(url);
  const isPlain = parsed && parsed.username === "" && parsed.password === "" && parsed.port === "";
  const known = parsed && isPlain ? (ofSpotify(parsed) ?? ofYoutube(parsed)) : null;
  if (known) return known;
  return batch ? { type: "playlist", url } : { type: "media" };
}

function ofSpotify(url: URL): Recognised | null {
  const item = spotifyItem(url);
  return item && { type: item.type === "show" ? "spotify_show" : "spotify_episode", id: item.id };
}

/** A channel's uploads: all of them, or one kind. Its `/live` is a single stream; its other tabs are lists of lists. */
const CHANNEL =
  /^\/(?:@[^/]+|channel\/UC[\w-]{22}|(?:c|user)\/[^/]+)(?:\/(?:videos|shorts|streams|featured))?\/?$/;
const LIST_ID = /^[\w-]{2,200}$/;
const VIDEO_ID = /^[\w-]{11}$/;

function ofYoutube({ hostname, pathname, searchParams }: URL): Recognised | null {
  if (!isYoutubeHost(hostname)) return null;
  const isShort = isShortLinkHost(hostname);
  if (!isShort && CHANNEL.test(pathname)) return playlist(pathname.replace(/\/(?:featured\/?)?$/, ""));
  const list = searchParams.get("list") ?? "";
  if (!LIST_ID.test(list)) return null;
  const [, embedded] = (isShort ? /^\/([^/]+)\/?$/ : /^\/embed\/([^/]+)\/?$/).exec(pathname) ?? [];
  const isWatch = !isShort && /^\/(?:watch|playlist)\/?$/.test(pathname);
  if (embedded === undefined && !isWatch) return null;
  // a mix has no page of its own: it is generated for its first video, whose id is at the end of its name
  if (!list.startsWith("RD") || list.startsWith("RDCLAK")) return playlist(`/playlist?list=${list}`);
  const seed = [embedded, searchParams.get("v"), list.slice(-11)].find((id) => VIDEO_ID.test(id ?? ""));
  return playlist(seed === undefined ? `/playlist?list=${list}` : `/watch?v=${seed}&list=${list}`);
}

const playlist = (path: string): Recognised => ({ type: "playlist", url: `https://www.youtube.com${path}` });
