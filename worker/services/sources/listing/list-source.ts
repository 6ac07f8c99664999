import type { Asker, RequestContext } from "../../../context.ts";
import { ApiError } from "../../../lib/api-error.ts";
import { listPlaylist } from "./list-playlist.ts";
import { listSpotifyEpisode, listSpotifyShow } from "./list-spotify.ts";
import type { Listing, RecognisedList } from "./listing.ts";

/**
 * Reads the entries of a list, but not the entries' media. Nothing is stored.
 *
 * @param most entries of a playlist; a longer one is refused. Default: the limit of one request
 * @throws ApiError `invalid_request` with a sentence if the list is private, removed, empty, too long or not a list, or if
 *   the operator has not configured its service; `dependency_unavailable` with a delay for temporary failures;
 *   `expansion_timeout` after `LISTING_SECONDS`
 */
export async function listSource(
  context: RequestContext,
  recognised: RecognisedList,
  asker: Asker,
  most?: number,
): Promise<Listing> {
  const late = AbortSignal.timeout(context.config.listingMs);
  try {
    // does not wait for code that ignores the signal
    return await Promise.race([list(context, recognised, { asker, most }, late), endOf(late)]);
  } catch (error) {
    if (late.aborted && !(error instanceof ApiError)) throw new ApiError("expansion_timeout");
    throw error;
  }
}

function list(
  context: RequestContext,
  recognised: RecognisedList,
  { asker, most }: { readonly asker: Asker; readonly most: number | undefined },
  signal: AbortSignal,
): Promise<Listing> {
  switch (recognised.type) {
    case "playlist":
      return listPlaylist(context, recognised.url, asker, signal, most);
    case "spotify_show":
      return listSpotifyShow(context, recognised.id, signal);
    case "spotify_episode":
      return listSpotifyEpisode(context, recognised.id, signal);
  }
}

/** Never resolves; rejects with the signal's reason. */
const endOf = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
