import { ApiError } from "../../lib/api-error.ts";
import type { Scope } from "../../services.ts";
import type { Listing, Recognised } from "./listing.ts";

/** Lists a source. @throws ApiError `expansion_timeout` after 60 s */
export async function listSource(scope: Scope, recognised: Recognised): Promise<Listing> {
  if (recognised.type === "media") throw new ApiError("invalid_request");
  const answer = await scope.fetch("https://listing.example/", {
    method: "POST",
    body: JSON.stringify(recognised),
  });
  if (answer.status === 504) throw new ApiError("expansion_timeout");
  return answer.json<Listing>();
}
