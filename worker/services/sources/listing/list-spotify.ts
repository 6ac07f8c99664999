import type { JobErrorCode } from "../../../../schema/errors.ts";
import { cutText, MAX_DESCRIPTION } from "../../../../schema/text.ts";
import type { RequestContext } from "../../../context.ts";
import { mapLimited } from "../../../lib/map-limited.ts";
import { inParts, type ListedEntry, type ListPart, type ListRange, type WholeList } from "./listing.ts";
import type { Described } from "./match-episodes.ts";
import { type Enclosure, openEnclosures } from "./open-enclosures.ts";
import { EpisodeOfShow, EpisodePage, SpotifyApi, type SpotifyEpisode, SpotifyShow } from "./spotify-api.ts";

/** Spotify's limit. */
const PAGE = 50;
/** Pages at once: the platform opens six connections for a request. */
const PAGES_AT_ONCE = 4;

/**
 * Lists a show with Spotify's Web API and finds its episodes in the show's open feed. An episode that is not in the feed
 * cannot be delivered, and protected media is never requested. The episodes are found in the feed together, so a show
 * that is longer than the range has no entries. Throws as `readList`.
 */
export async function* listSpotifyShow(
  context: RequestContext,
  id: string,
  range: ListRange,
  signal: AbortSignal,
): AsyncGenerator<ListPart> {
  const api = new SpotifyApi(context, range.timeoutMs, signal);
  const pageAt = (offset: number) =>
    api.get(`/v1/shows/${id}/episodes?limit=${PAGE}&offset=${offset}`, EpisodePage);
  const [show, first] = await Promise.all([api.get(`/v1/shows/${id}`, SpotifyShow), pageAt(0)]);
  if (first.total > range.until) {
    yield { kind: "spotify_show", title: show.name, start: 0, entries: [], isLast: false };
    return;
  }
  const offsets = Array.from({ length: Math.ceil(first.total / PAGE) }, (_, page) => page * PAGE).slice(1);
  const rest = await mapLimited(offsets, PAGES_AT_ONCE, pageAt);
  const episodes = withoutRepeats([first, ...rest].flatMap(({ items }) => items));
  yield* inParts(
    await listingOf(context, show, `https://open.spotify.com/show/${id}`, episodes, signal),
    range,
  );
}

/** A single episode, as a list of one. Throws as `readList`. */
export async function* listSpotifyEpisode(
  context: RequestContext,
  id: string,
  range: ListRange,
  signal: AbortSignal,
): AsyncGenerator<ListPart> {
  const api = new SpotifyApi(context, range.timeoutMs, signal);
  const episode = await api.get(`/v1/episodes/${id}`, EpisodeOfShow);
  const url = `https://open.spotify.com/episode/${id}`;
  yield* inParts(await listingOf(context, episode.show, url, [episode], signal), range);
}

/** An episode that is published while the pages are read shifts the others: the last one of a page appears twice. */
function withoutRepeats(episodes: readonly (SpotifyEpisode | null)[]): (SpotifyEpisode | null)[] {
  const seen = new Set<string>();
  return episodes.filter((episode) => {
    if (!episode) return true;
    if (seen.has(episode.id)) return false;
    seen.add(episode.id);
    return true;
  });
}

async function listingOf(
  context: RequestContext,
  show: SpotifyShow,
  url: string,
  episodes: readonly (SpotifyEpisode | null)[],
  signal: AbortSignal,
): Promise<WholeList> {
  const known = episodes.filter((episode) => episode !== null);
  const wanted = {
    name: show.name,
    publisher: show.publisher || null,
    episodes: show.total_episodes ?? null,
  };
  const media =
    known.length === 0 ? [] : await openEnclosures(context, wanted, known.map(describedBy), signal);
  const mediaOf = new Map(known.map((episode, index) => [episode, media[index] ?? null]));
  return {
    kind: "spotify_show",
    title: show.name,
    entries: episodes.map((episode) =>
      episode ? listed(episode, mediaOf.get(episode) ?? null) : removed(url),
    ),
  };
}

const describedBy = ({
  name,
  release_date,
  release_date_precision,
  duration_ms,
}: SpotifyEpisode): Described => {
  const date = release_date_precision === "day" ? Date.parse(release_date ?? "") : Number.NaN;
  return {
    title: name,
    date: Number.isNaN(date) ? null : date,
    duration: duration_ms ? duration_ms / 1000 : null,
  };
};

function listed(episode: SpotifyEpisode, enclosure: Enclosure): ListedEntry {
  const mediaUrl = enclosure === null || enclosure === "ambiguous" ? null : enclosure.mediaUrl;
  const missing = enclosure === "ambiguous" ? "ambiguous_episode" : missingReason(episode);
  return {
    url: `https://open.spotify.com/episode/${episode.id}`,
    mediaUrl,
    sourceId: episode.id,
    title: episode.name,
    description: episode.description ? cutText(episode.description, MAX_DESCRIPTION) : null,
    releaseDate: episode.release_date ?? null,
    skipped: mediaUrl === null ? missing : null,
  };
}

const missingReason = ({ is_playable }: SpotifyEpisode): JobErrorCode =>
  is_playable === false ? "entry_unavailable" : "no_open_feed";

/** The entry for an episode that was removed: Spotify only says that there was one. */
const removed = (url: string): ListedEntry => ({
  url,
  mediaUrl: null,
  sourceId: null,
  title: null,
  description: null,
  releaseDate: null,
  skipped: "entry_unavailable",
});
