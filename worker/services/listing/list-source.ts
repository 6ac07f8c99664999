import { ApiError } from "../../lib/api-error.ts";
import type { Scope } from "../../services.ts";
import { listPlaylist } from "./list-playlist.ts";
import { listSpotifyEpisode, listSpotifyShow } from "./list-spotify.ts";
import type { Listing, RecognisedList } from "./listing.ts";

/**
 * Takes a list apart, without touching its entries. Nothing is stored.
 *
 * @throws ApiError `invalid_request` with a sentence when the list is private, gone, empty, too long or no list, or
 *   when the operator did not configure its service; `dependency_unavailable` with a delay for what may pass;
 *   `expansion_timeout` after `LISTING_SECONDS`
 */
export async function listSource(scope: Scope, recognised: RecognisedList): Promise<Listing> {
  const late = AbortSignal.timeout(scope.config.listingMs);
  try {
    switch (recognised.type) {
      case "playlist":
        return await listPlaylist(scope, recognised.url, late);
      case "spotify_show":
        return await listSpotifyShow(scope, recognised.id, late);
      case "spotify_episode":
        return await listSpotifyEpisode(scope, recognised.id, late);
    }
  } catch (error) {
    if (late.aborted && !(error instanceof ApiError)) throw new ApiError("expansion_timeout");
    throw error;
  }
}
