import type { BatchKind } from "../../../schema/api/batch.ts";
import type { RequestContext } from "../../context.ts";
import { findBatchOf, insertBatch, type JobSummary, summariesQuery } from "../../db/batch-rows.ts";
import type { BatchListingRow } from "../../db/listings/listing-rows.ts";
import type { Account } from "../accounts/key-cache.ts";
import { allowanceOf, refuseJobs } from "../accounts/usage.ts";
import { FIRST_LOOK_GRACE_MS } from "../batches/grace.ts";
import { FileNames } from "../batches/names.ts";
import { sendDeliveryMessages } from "../queue/sender.ts";
import { sealingKeyOf, sealShowUrl, sealWebhook } from "../storage/sealed-urls.ts";
import type { VerifiedStorage } from "../storage/verify/verify-storage.ts";
import { type BatchEntry, prepareEntries } from "./batch-jobs.ts";
import type { PreparedOptions } from "./prepare-job.ts";

/** A new batch. */
export interface BatchRequest {
  readonly id: string;
  readonly kind: BatchKind;
  readonly showUrl: string | null;
  readonly title: string | null;
  readonly paused: boolean;
  readonly options: PreparedOptions;
  readonly entries: readonly BatchEntry[];
  /** Storage that was sent with the request, verified. */
  readonly storage: VerifiedStorage | undefined;
  /** Where to read on, if the list was not read to its end. */
  readonly listing?: BatchListingRow | null;
}

/** The response to the creation of a batch, the same for repeated requests. */
export interface AcceptedBatch {
  readonly paused: boolean;
  /** Those of the entries that the request read. */
  readonly jobs: readonly JobSummary[];
  /** The list has more entries. */
  readonly listing: boolean;
}

/**
 * Stores a batch and all of its jobs, held back, in one round trip; its object releases them after the response. If a
 * batch with this id exists already, the result is the same.
 *
 * @throws ApiError `quota_exceeded`; nothing is stored then
 */
export async function acceptBatch(
  context: RequestContext,
  account: Account,
  request: BatchRequest,
): Promise<AcceptedBatch> {
  const { id, options, entries, storage, listing = null } = request;
  const now = context.clock();
  const webhook = await sealWebhook(context, account.id, options.echo);
  const show = await sealShowUrl(context, account.id, request.showUrl?.toWellFormed() ?? null);
  const names = new FileNames();
  const prepared = await prepareEntries(context, account, {
    ...{ batchId: id, options, webhook, storage, entries, first: 0, names, createdAt: now },
  });
  const { rows, waiting } = prepared;
  const paused = request.paused && (waiting.length > 0 || listing !== null);
  // the others are not due until the batch releases them
  if (!paused) context.backlog.admit(context, Math.min(waiting.length, context.config.batchWindow));
  const allowance = allowanceOf(context, account);
  const { folder, metadata = null, webhook_events = null } = options.request;
  const stored = await insertBatch(context.db, {
    ...prepared,
    batch: {
      id,
      account_id: account.id,
      key_id: account.keyId,
      kind: request.kind,
      ...show,
      title: request.title?.toWellFormed() ?? null,
      folder: folder ?? null,
      metadata,
      webhook_events,
      webhook_url: typeof webhook.echo.webhook_url === "string" ? webhook.echo.webhook_url : null,
      ...webhook.columns,
      sealing_key_id: sealingKeyOf(context, show.sealed_show_url, webhook.columns.sealed_webhook_url),
      status: paused ? "paused" : "processing",
      total: rows.length,
      check_due_at: paused && !listing ? null : now + FIRST_LOOK_GRACE_MS,
      created_at: now,
      started_at: paused ? null : now,
    },
    listing,
    allowance,
  });
  if (!stored) {
    const existing = await findAccepted(context, account.id, id);
    if (existing) return existing;
    if (allowance) await refuseJobs(context, allowance, waiting.length);
    throw new Error("a batch was not stored for no known reason");
  }
  if (!paused || listing) context.defer(context.batches.wake(id));
  if (prepared.deliveryIds.length > 0) {
    context.defer(sendDeliveryMessages(context, prepared.deliveryIds));
  }
  return {
    paused,
    jobs: rows.map((row, index) => ({
      id: row.id,
      url: row.url,
      title: entries[index]?.title ?? null,
      description: entries[index]?.description ?? null,
      release_date: entries[index]?.releaseDate ?? null,
      adjustments: row.adjustments ?? [...prepared.adjustments],
    })),
    listing: listing !== null,
  };
}

/** A batch of this account that was accepted before; undefined when there is none. */
export async function findAccepted(
  context: RequestContext,
  accountId: string,
  id: string,
): Promise<AcceptedBatch | undefined> {
  const batch = await findBatchOf(context.db, accountId, id);
  if (!batch) return undefined;
  const { listing } = batch;
  // as it was accepted, even if it has been started or read on since
  return {
    paused: batch.started_at !== batch.created_at,
    jobs: await summariesQuery(context.db, id, listing?.first ?? batch.total),
    listing: listing !== null,
  };
}
