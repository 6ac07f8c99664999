import type { BatchStatus } from "../../../schema/api/batch.ts";
import type { FoundBatch } from "../../db/batch-rows.ts";

type ListedBatch = Pick<FoundBatch, "status" | "listing" | "cancelled_at">;

/** Every entry of the batch's list has a job. */
export const isListComplete = ({ listing }: Pick<FoundBatch, "listing">): boolean =>
  listing === null || listing.outcome === "complete";

/** The rest of the batch's list is being read. */
export const isBeingListed = ({ listing, cancelled_at }: Omit<ListedBatch, "status">): boolean =>
  listing?.outcome === null && cancelled_at === null;

/** The status that callers see. */
export const shownStatus = (batch: ListedBatch): BatchStatus =>
  isBeingListed(batch) ? "listing" : batch.status;
