import type { Asker, RequestContext } from "../../../context.ts";
import { ApiError } from "../../../lib/api-error.ts";
import { listPlaylist } from "./list-playlist.ts";
import { listSpotifyEpisode, listSpotifyShow } from "./list-spotify.ts";
import {
  type Listing,
  type ListPart,
  type ListRange,
  MAX_ENTRIES,
  noEntries,
  type RecognisedList,
} from "./listing.ts";

/**
 * Reads the beginning of a list, but not the entries' media. Nothing is stored. A show that is longer is not read at
 * all, because its episodes are found in its feed together.
 *
 * @throws ApiError `invalid_request` with a sentence if the list is private, removed, empty or not a list, or if the
 *   operator has not configured its service; `dependency_unavailable` with a delay for temporary failures;
 *   `expansion_timeout` after `LISTING_SECONDS`
 */
export async function listSource(
  context: RequestContext,
  recognised: RecognisedList,
  asker: Asker,
): Promise<Listing> {
  const range = { skip: 0, until: MAX_ENTRIES, size: MAX_ENTRIES, timeoutMs: context.config.listingMs };
  for await (const { kind, title, entries, isLast } of context.readList(context, recognised, asker, range)) {
    if (isLast && entries.length === 0) break;
    return { kind, title, entries, isWhole: isLast };
  }
  throw noEntries();
}

/**
 * Reads a list part by part, in its source's order: at least one part, which is empty if there is nothing in the range.
 * A list may change while it is read; then entries may come twice.
 *
 * @param signal ends the reading
 * @throws as {@link listSource}, but for an empty list, and after `timeoutMs` instead; also after parts were read. Or the
 *   signal's reason
 */
export async function* readList(
  context: RequestContext,
  recognised: RecognisedList,
  asker: Asker,
  range: ListRange,
  signal?: AbortSignal,
): AsyncGenerator<ListPart> {
  const late = AbortSignal.timeout(range.timeoutMs);
  const stop = signal ? AbortSignal.any([late, signal]) : late;
  const stopped = endOf(stop);
  const parts = partsOf(context, recognised, asker, range, stop);
  try {
    for (;;) {
      // does not wait for code that ignores the signal
      const next = await Promise.race([parts.next(), stopped]);
      if (next.done) return;
      yield next.value;
    }
  } catch (error) {
    if (late.aborted && !(error instanceof ApiError)) throw new ApiError("expansion_timeout");
    throw error;
  } finally {
    parts.return(undefined).catch(() => undefined);
  }
}

function partsOf(
  context: RequestContext,
  recognised: RecognisedList,
  asker: Asker,
  range: ListRange,
  signal: AbortSignal,
): AsyncGenerator<ListPart> {
  switch (recognised.type) {
    case "playlist":
      return listPlaylist(context, recognised.url, asker, range, signal);
    case "spotify_show":
      return listSpotifyShow(context, recognised.id, range, signal);
    case "spotify_episode":
      return listSpotifyEpisode(context, recognised.id, range, signal);
  }
}

/** Never resolves; rejects with the signal's reason. */
function endOf(signal: AbortSignal): Promise<never> {
  const end = new Promise<never>((_, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
  end.catch(() => undefined);
  return end;
}
