import type { RequestContext } from "../../../context.ts";
import { ApiError } from "../../../lib/api-error.ts";
import { describeError } from "../../../lib/log.ts";
import type { FeedItem } from "./feed-items.ts";
import { DirectoryUnavailableError, findFeeds, type WantedShow } from "./find-feeds.ts";
import { type Described, type Match, matchEpisodes } from "./match-episodes.ts";
import { FeedError, readFeed } from "./read-feed.ts";

/** The address of an episode's media; `ambiguous` where the feed has several items that it may be, null where it has none. */
export type Enclosure = { readonly mediaUrl: string } | "ambiguous" | null;

/** A feed that holds this share of the episodes is the show's; no other one is looked at. */
const ENOUGH = 0.5;
const RETRY_SECONDS = 60;

/**
 * Finds where a show's episodes lie openly: the media of its own RSS feed. Of several feeds that may be the show's, the
 * one with the most of its episodes is taken.
 *
 * @returns for each episode where its media is, or why that is not known
 * @throws ApiError `dependency_unavailable` when the feed or the directories cannot be read right now, since all
 *   episodes would be skipped otherwise; or the signal's reason
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
