import { z } from "zod";
import { readBoundedJson } from "../../../../schema/bounded-body.ts";
import type { RequestContext } from "../../../context.ts";
import { toHex, utf8 } from "../../../lib/bytes.ts";
import { describeError } from "../../../lib/log.ts";
import { VERSION } from "../../../lib/version.ts";
import { likeness, normaliseTitle } from "./compare-titles.ts";
import { usableUrl } from "./listing.ts";

/** What is known about the show whose feed is searched. */
export interface WantedShow {
  readonly name: string;
  readonly publisher: string | null;
  readonly episodes: number | null;
}

/** A feed that a directory lists. */
export interface FoundFeed {
  readonly url: string;
  readonly name: string;
  readonly author: string | null;
  readonly episodes: number | null;
}

/** No directory responded; the show's feed may be found later. */
export class DirectoryUnavailableError extends Error {
  override readonly name = "DirectoryUnavailableError";
}

/** Maximum number of feeds that are tried for one show. */
const MAX_FEEDS = 3;
/** Largest response of a directory to one search. */
const MAX_RESPONSE_BYTES = 4 << 20;
const MAX_RESULTS = 25;
const TIMEOUT_MS = 10_000;
/** Names that are less similar than this belong to another show. */
const MIN_LIKENESS = 0.8;

/**
 * Score from 0 to 100 for a directory's feed being the show's: up to 60 for the name and 30 for the publisher, depending
 * on their similarity (15 if no publisher is given), 10 if the numbers of episodes differ by at most a tenth.
 *
 * @returns 0 for names with a similarity below 0.8
 */
export function feedPoints(show: WantedShow, feed: FoundFeed): number {
  const name = likeness(normaliseTitle(show.name), normaliseTitle(feed.name));
  if (name < MIN_LIKENESS) return 0;
  const author =
    show.publisher === null || feed.author === null
      ? 0.5
      : likeness(normaliseTitle(show.publisher), normaliseTitle(feed.author));
  const [ours, theirs] = [show.episodes ?? 0, feed.episodes ?? 0];
  const isAsLong = ours > 0 && theirs > 0 && Math.abs(ours - theirs) <= 0.1 * Math.max(ours, theirs);
  return 60 * name + 30 * author + (isAsLong ? 10 : 0);
}

/**
 * Looks up the open feeds that may be a show's, the most likely first: through the iTunes Search API, and through Podcast
 * Index if the operator has a key.
 *
 * @throws DirectoryUnavailableError, or the signal's reason
 */
export async function findFeeds(
  context: RequestContext,
  show: WantedShow,
  signal: AbortSignal,
): Promise<FoundFeed[]> {
  const responses = await Promise.allSettled([
    searchItunes(context, show.name, signal),
    ...(context.config.directories.podcastIndex ? [searchPodcastIndex(context, show.name, signal)] : []),
  ]);
  signal.throwIfAborted();
  for (const response of responses) {
    if (response.status === "rejected")
      context.log("directory_failed", { error: describeError(response.reason) });
  }
  const found = responses.flatMap((response) => (response.status === "fulfilled" ? response.value : []));
  if (responses.every(({ status }) => status === "rejected")) throw new DirectoryUnavailableError();
  const byUrl = new Map(found.map((feed) => [feed.url, feed]));
  return [...byUrl.values()]
    .map((feed) => ({ feed, points: feedPoints(show, feed) }))
    .filter(({ points }) => points > 0)
    .sort((a, b) => b.points - a.points)
    .slice(0, MAX_FEEDS)
    .map(({ feed }) => feed);
}

const ItunesResponse = z.object({
  results: z.array(
    z.object({
      collectionName: z.string().nullish(),
      artistName: z.string().nullish(),
      feedUrl: z.string().nullish(),
      trackCount: z.number().nullish(),
    }),
  ),
});

async function searchItunes(
  context: RequestContext,
  name: string,
  signal: AbortSignal,
): Promise<FoundFeed[]> {
  const { directories, spotify } = context.config;
  const query = new URLSearchParams({
    term: name,
    media: "podcast",
    entity: "podcast",
    country: spotify.market,
    limit: `${MAX_RESULTS}`,
  });
  const { results } = await ask(
    context,
    `${directories.itunesUrl}/search?${query}`,
    {},
    ItunesResponse,
    signal,
  );
  return results.flatMap(({ collectionName, artistName, feedUrl, trackCount }) =>
    feedOf(feedUrl, collectionName, artistName, trackCount),
  );
}

const IndexResponse = z.object({
  feeds: z.array(
    z.object({
      url: z.string(),
      title: z.string().nullish(),
      author: z.string().nullish(),
      dead: z.number().nullish(),
      episodeCount: z.number().nullish(),
    }),
  ),
});

async function searchPodcastIndex(
  context: RequestContext,
  name: string,
  signal: AbortSignal,
): Promise<FoundFeed[]> {
  const index = context.config.directories.podcastIndex;
  if (!index) return [];
  const date = `${Math.floor(context.clock() / 1000)}`;
  // the service's own scheme, which uses SHA-1
  const digest = await crypto.subtle.digest("SHA-1", utf8(index.key + index.secret + date));
  const headers = {
    "x-auth-key": index.key,
    "x-auth-date": date,
    authorization: toHex(digest),
  };
  const query = new URLSearchParams({ q: name, max: `${MAX_RESULTS}` });
  const { feeds } = await ask(
    context,
    `${index.url}/api/1.0/search/byterm?${query}`,
    headers,
    IndexResponse,
    signal,
  );
  return feeds
    .filter(({ dead }) => dead !== 1)
    .flatMap(({ url, title, author, episodeCount }) => feedOf(url, title, author, episodeCount));
}

async function ask<T>(
  context: RequestContext,
  url: string,
  headers: Readonly<Record<string, string>>,
  schema: z.ZodType<T>,
  signal: AbortSignal,
): Promise<T> {
  const response = await context.fetch(url, {
    headers: { ...headers, "user-agent": `Waterspout/${VERSION}` },
    redirect: "manual",
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`the directory responded with ${response.status}`);
  }
  return schema.parse(await readBoundedJson(response, MAX_RESPONSE_BYTES));
}

function feedOf(
  feedUrl: string | null | undefined,
  name: string | null | undefined,
  author: string | null | undefined,
  episodes: number | null | undefined,
): FoundFeed[] {
  const url = usableUrl(feedUrl ?? null);
  return url && name ? [{ url, name, author: author || null, episodes: episodes ?? null }] : [];
}
