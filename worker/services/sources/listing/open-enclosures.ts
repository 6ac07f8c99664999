import type { RequestContext } from "../../../context.ts";
import { ApiError } from "../../../lib/api-error.ts";
import { describeError } from "../../../lib/log.ts";
import type { FeedItem } from "./feed-items.ts";
import { DirectoryUnavailableError, findFeeds, type WantedShow } from "./find-feeds.ts";
import { type Described, type Match, matchEpisodes } from "./match-episodes.ts";
import { FeedError, readFeed } from "./read-feed.ts";

/** The address of an episode's media; `ambiguous` if several items of the feed may be it, null if there is none. */
export type Enclosure = { readonly mediaUrl: string } | "ambiguous" | null;

/** A feed with this share of the episodes is the show's; no other feed is read. */
const ENOUGH = 0.5;
const RETRY_SECONDS = 60;

/**
 * Finds the open media of a show's episodes in its own RSS feed. Of several candidate feeds, the one with the most of its
 * episodes is used.
 *
 * @returns for each episode the address of its media, or why it is not known
 * @throws ApiError `dependency_unavailable` if the feed or the directories cannot be read right now, because
 *   otherwise all episodes would be skipped; or the signal's reason
 */
export async function openEnclosures(
  context: RequestContext,
  show: WantedShow,
  episodes: readonly Described[],
  signal: AbortSignal,
): Promise<Enclosure[]> {
  let best: Enclosure[] = episodes.map((): Enclosure => null);
  let bestCount = 0;
  let passing: unknown = null;
  try {
    for (const { url } of await findFeeds(context, show, signal)) {
      const items = await readFeed(context, url, signal).catch((error: unknown) => {
        if (!(error instanceof FeedError)) throw error;
        context.log("feed_failed", { error: describeError(error) });
        if (error.passes) passing = error;
        return [];
      });
      const found = matchEpisodes(episodes, items, show.name).map((match) => enclosureOf(match, items));
      const count = found.filter((media) => media !== null && media !== "ambiguous").length;
      if (count > bestCount || (bestCount === 0 && found.includes("ambiguous")))
        [best, bestCount] = [found, count];
      if (count >= ENOUGH * episodes.length) return found;
    }
  } catch (error) {
    if (!(error instanceof DirectoryUnavailableError)) throw error;
    passing = error;
  }
  if (bestCount > 0 || passing === null) return best;
  throw new ApiError("dependency_unavailable", {
    sentence: "The open feed of this show cannot be read right now",
    retryAfterSeconds: RETRY_SECONDS,
    cause: passing,
  });
}

function enclosureOf(match: Match, items: readonly FeedItem[]): Enclosure {
  if (typeof match !== "number") return match;
  const item = items[match];
  return item ? { mediaUrl: item.mediaUrl } : null;
}
