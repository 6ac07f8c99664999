import type { JobRequest } from "../../schema/api/job-request.ts";
import type { Adjustment } from "../../schema/media.ts";
import { invalidMember } from "../lib/api-error.ts";

/** What the contract allows and this version does not do: either refused, or left out and told. */

/** Doing without these would do something else than was asked. */
const REFUSED = [
  ["batch", "is not supported by this version, which takes single media only"],
] as const satisfies readonly (readonly [keyof JobRequest, string])[];

/** The file is delivered all the same. */
const LEFT_OUT = [["paused", "only batches can be paused"]] as const satisfies readonly (readonly [
  keyof JobRequest,
  string,
])[];

/** @throws ApiError `invalid_request` that names the member */
export function refuseNotYet(request: Pick<JobRequest, (typeof REFUSED)[number][0]>): void {
  for (const [field, message] of REFUSED) {
    if (isAsked(request[field])) throw invalidMember(field, message);
  }
}

/** What is left out, as adjustments. */
export function tellNotYet(request: JobRequest): Adjustment[] {
  return LEFT_OUT.flatMap(([field, reason]) => {
    const from = request[field];
    return isAsked(from) ? [{ field, from, to: null, reason }] : [];
  });
}

const isAsked = <T>(value: T): value is Exclude<T, undefined | false> =>
  value !== undefined && value !== false;
