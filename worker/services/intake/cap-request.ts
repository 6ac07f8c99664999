import type { Limits } from "../../../schema/api/account.ts";
import type { JobRequest } from "../../../schema/api/job-request.ts";
import { type Adjustment, RESOLUTIONS } from "../../../schema/media.ts";
import { ApiError } from "../../lib/api-error.ts";

/**
 * Limits a request to its account's resolution: a higher one is refused, and `best` becomes the highest that is
 * allowed, which is reported. The run enforces duration and file size.
 *
 * @throws ApiError `forbidden`
 */
export function capRequest<
  Request extends Pick<JobRequest, "max_resolution" | "min_resolution" | "resolution">,
>({ max_resolution: cap = null }: Limits, request: Request): { request: Request; adjustments: Adjustment[] } {
  const asked = request.resolution ?? request.max_resolution ?? null;
  const least = Math.max(asked ?? 0, request.min_resolution ?? 0);
  if (cap === null || (asked !== null && asked <= cap)) return { request, adjustments: [] };
  if (least > cap) {
    throw new ApiError("forbidden", { sentence: `This account may ask for at most ${cap} (max_resolution)` });
  }
  const allowed = RESOLUTIONS.find((resolution) => resolution <= cap) ?? 360;
  const reason = "the highest resolution of this account";
  return {
    request: { ...request, max_resolution: allowed },
    adjustments: [{ field: "max_resolution", from: "best", to: allowed, reason }],
  };
}
