import { ApiError } from "../../lib/api-error.ts";

/** The claim that a report belongs to, after its token was checked. */
export interface Claim {
  readonly jobId: string;
  readonly attempt: number;
}

/** The run must stop and publish nothing. */
export const leaseLost = (): ApiError => new ApiError("lease_lost");
