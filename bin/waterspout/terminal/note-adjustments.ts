import type { Adjustment } from "../../../schema/media.ts";
import { adjustmentText } from "./job-text.ts";
import type { Output } from "./output.ts";

/** Notes what the API corrected in a request. */
export function noteAdjustments(
  { adjustments = [] }: { readonly adjustments?: readonly Adjustment[] | undefined },
  out: Output,
): void {
  for (const adjustment of adjustments) out.note(`adjusted: ${adjustmentText(adjustment)}`, "yellow");
}
