import { ApiError } from "../../lib/api-error.ts";
import type { Scope } from "../../services.ts";
import type { Listing, Recognised } from "./listing.ts";

/** Lists a source. @throws ApiError `expansion_timeout` after 60 s */
export async function listSource(_scope: Scope, _recognised: Recognised): Promise<Listing> {
  throw new ApiError("expansion_timeout");
}
