import type { RequestContext } from "../../../context.ts";
import type { FoundBatch } from "../../../db/batch-rows.ts";
import { type BatchListingRow, ENDED, findListing } from "../../../db/listings/listing-rows.ts";
import { storeEntries } from "../../../db/listings/store-entries.ts";
import type { Account } from "../../accounts/key-cache.ts";
import { allowanceOf, refuseJobs } from "../../accounts/usage.ts";
import type { FileNames } from "../../batches/names.ts";
import { sendDeliveryMessages } from "../../queue/sender.ts";
import type { ListedEntry } from "../../sources/listing/listing.ts";
import { sealWebhook } from "../../storage/sealed-urls.ts";
import { prepareEntries } from "../batch-jobs.ts";
import type { PreparedOptions } from "../prepare-job.ts";
import type { KeptRequest } from "./kept-request.ts";
import type { KnownEntries } from "./known-entries.ts";

/** A batch whose list is being read. */
export interface OpenListing {
  readonly batch: Pick<FoundBatch, "id" | "created_at">;
  readonly account: Account;
  readonly request: KeptRequest;
  readonly options: PreparedOptions;
  /** Of the batch. */
  readonly names: FileNames;
  /** Entries that have a job, and those that are to be stored. */
  readonly known: KnownEntries;
}

/** What a write changes of a listing. */
export type ListingChange = Pick<BatchListingRow, "position" | "outcome" | "error">;

/**
 * Stores entries of a list as held jobs of its batch, and how far the list was read, in one transaction.
 *
 * @param before the listing as it was read or written last
 * @param total jobs of the batch so far
 * @returns the listing after it; null if the batch was cancelled or somebody else reads on
 * @throws ApiError `quota_exceeded`; nothing is stored then
 */
export async function appendEntries(
  context: RequestContext,
  { batch, account, request, options, names, known }: OpenListing,
  before: BatchListingRow,
  { entries, total, change }: { entries: readonly ListedEntry[]; total: number; change: ListingChange },
): Promise<BatchListingRow | null> {
  const prepared = await prepareEntries(context, account, {
    batchId: batch.id,
    options,
    webhook: await sealWebhook(context, account.id, options.echo),
    storage: request.storage,
    entries: entries.map((entry) => ({ ...entry, filename: request.body.filename ?? null })),
    first: total,
    names,
    createdAt: context.clock(),
  });
  const after: BatchListingRow = {
    ...before,
    ...change,
    fence: context.newId(),
    known: known.text,
    failures: entries.length > 0 ? 0 : before.failures,
    ...(change.outcome === null ? {} : ENDED),
  };
  if (!(await storeEntries(context.db, before, after, prepared))) {
    const found = await findListing(context.db, batch.id);
    const isOurs = found?.fence === before.fence && found.outcome === null;
    const allowance = allowanceOf(context, account);
    if (isOurs && allowance) await refuseJobs(context, allowance, prepared.waiting.length);
    return null;
  }
  if (prepared.deliveryIds.length > 0) {
    context.defer(sendDeliveryMessages(context, prepared.deliveryIds));
  }
  return after;
}
