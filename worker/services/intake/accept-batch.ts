import type { BatchKind } from "../../../schema/api/batch.ts";
import type { Metadata } from "../../../schema/api/metadata.ts";
import type { JobErrorCode } from "../../../schema/errors.ts";
import type { JobDetails } from "../../../schema/job-details.ts";
import type { Adjustment } from "../../../schema/media.ts";
import type { RequestContext } from "../../context.ts";
import { findBatchOf, insertBatch, type JobSummary, summariesQuery } from "../../db/batch-rows.ts";
import type { JobRow, NewJobRow } from "../../db/job-rows.ts";
import type { WantedMedia } from "../../db/reuse/wanted-media.ts";
import type { Account } from "../accounts/key-cache.ts";
import { allowanceOf, refuseJobs } from "../accounts/usage.ts";
import { FIRST_LOOK_GRACE_MS } from "../batches/grace.ts";
import { type Nameable, nameFiles } from "../batches/names.ts";
import { endsOf } from "../jobs/job-end.ts";
import { birthColumns } from "../jobs/transitions.ts";
import { sendDeliveryMessages } from "../queue/sender.ts";
import { variantOf, wantedMedia } from "../reuse/identity.ts";
import { contactOf, denialsOfSources } from "../rights/require-allowed.ts";
import { sealForJobs } from "../storage/credentials.ts";
import { sealingKeyOf, sealShowUrl, sealSourceUrls, sealWebhook } from "../storage/sealed-urls.ts";
import type { VerifiedStorage } from "../storage/verify/verify-storage.ts";
import type { PreparedOptions } from "./prepare-job.ts";
import { storageColumns } from "./storage-of-request.ts";

/** One job of a new batch. */
export interface BatchEntry extends Omit<Nameable, "isFetchedElsewhere"> {
  readonly mediaUrl: string | null;
  readonly description: string | null;
  readonly releaseDate: string | null;
  readonly skipped: JobErrorCode | null;
  /** Added to the metadata of all jobs. */
  readonly metadata?: Metadata | undefined;
  /** Adjustments of this job only. */
  readonly adjustments?: readonly Adjustment[];
}

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
}

/** The response to the creation of a batch, the same for repeated requests. */
export interface AcceptedBatch {
  readonly paused: boolean;
  readonly jobs: readonly JobSummary[];
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
  const { id, options, storage } = request;
  const denied = await withoutDenied(context, request.entries);
  const { entries } = denied;
  const now = context.clock();
  const webhook = await sealWebhook(context, account.id, options.echo);
  const show = await sealShowUrl(context, account.id, request.showUrl?.toWellFormed() ?? null);
  const { shared, rows } = await jobsOf(context, account, { ...request, entries }, webhook, denied.details);
  const skipped = rows.filter(({ finished_at }) => finished_at !== undefined);
  const paused = request.paused && skipped.length < rows.length;
  const ends = endsOf(
    context,
    skipped.map((row) => ({ ...shared, ...row }) as JobRow),
  );
  const waiting = rows.flatMap((row) => (row.finished_at === undefined ? [row.id] : []));
  // the others are not due until the batch releases them
  if (!paused) context.backlog.admit(context, Math.min(waiting.length, context.config.batchWindow));
  const allowance = allowanceOf(context, account);
  const { folder, metadata = null, webhook_events = null } = options.request;
  const media = await mediaOf(context, account.id, { ...request, entries }, rows);
  const stored = await insertBatch(context.db, {
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
      check_due_at: paused ? null : now + FIRST_LOOK_GRACE_MS,
      created_at: now,
      started_at: paused ? null : now,
    },
    jobs: { shared, rows },
    credentials: storage ? await sealForJobs(context, waiting, storage.storage) : [],
    guardedStatements: ends.guardedStatements,
    allowance,
    media,
  });
  if (!stored) {
    const existing = await findAccepted(context, account.id, id);
    if (existing) return existing;
    if (allowance) await refuseJobs(context, allowance, waiting.length);
    throw new Error("a batch was not stored for no known reason");
  }
  if (!paused) context.defer(context.batches.wake(id));
  if (ends.deliveryIds.length > 0) context.defer(sendDeliveryMessages(context, ends.deliveryIds));
  return {
    paused,
    jobs: rows.map((row, index) => ({
      id: row.id,
      url: row.url,
      title: entries[index]?.title ?? null,
      description: entries[index]?.description ?? null,
      release_date: entries[index]?.releaseDate ?? null,
      adjustments: row.adjustments ?? shared.adjustments,
    })),
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
  // as it was accepted, even if it has been started since
  return { paused: batch.started_at !== batch.created_at, jobs: await summariesQuery(context.db, id) };
}

/** The entries of a request, and whom to ask about those that the operator denies, by index. */
interface DeniedEntries {
  readonly entries: readonly BatchEntry[];
  readonly details: ReadonlyMap<number, JobDetails>;
}

/** Entries that the operator denies end at once; the others go on. */
async function withoutDenied(
  context: RequestContext,
  entries: readonly BatchEntry[],
): Promise<DeniedEntries> {
  const found = await denialsOfSources(
    context,
    entries.map(({ url, mediaUrl }) => [url, mediaUrl]),
  );
  const details = new Map<number, JobDetails>();
  const checked = entries.map((entry, index): BatchEntry => {
    const denial = found[index];
    if (!denial) return entry;
    details.set(index, { error_subject: contactOf(context, denial) });
    return { ...entry, skipped: "denied" };
  });
  return { entries: checked, details };
}

type BatchJob = Pick<NewJobRow, "id" | "url"> & Partial<NewJobRow>;

/** The columns that the jobs share, and the few in which they differ. */
async function jobsOf(
  context: RequestContext,
  account: Account,
  { id, options, entries, storage }: BatchRequest,
  webhook: Awaited<ReturnType<typeof sealWebhook>>,
  details: DeniedEntries["details"],
) {
  const shared = {
    account_id: account.id,
    key_id: account.keyId,
    batch_id: id,
    request: webhook.echo,
    ...webhook.columns,
    sealing_key_id: sealingKeyOf(context, webhook.columns.sealed_webhook_url),
    plan: options.plan,
    adjustments: [...options.adjustments, ...(storage?.adjustments ?? [])],
    ...storageColumns(storage),
    ...birthColumns(context, null),
    created_at: context.clock(),
  } satisfies Partial<NewJobRow>;
  const names = nameFiles(
    entries.map((entry) => ({ ...entry, isFetchedElsewhere: entry.mediaUrl !== null })),
  );
  const urls = await Promise.all(
    entries.map(({ url, mediaUrl }) =>
      sealSourceUrls(context, account.id, {
        url: url.toWellFormed(),
        media_url: mediaUrl?.toWellFormed() ?? null,
      }),
    ),
  );
  let ends = 0;
  const rows = entries.map((entry, batch_index): BatchJob => {
    const { url = entry.url, media_url = null, sealed_urls = null } = urls[batch_index] ?? {};
    const { filename = null, adjustments: renamed = [] } = names[batch_index] ?? {};
    const adjustments = [...(entry.adjustments ?? []), ...renamed];
    return withoutNulls({
      id: context.newId(),
      batch_index,
      url,
      media_url,
      sealed_urls,
      sealing_key_id: sealingKeyOf(context, sealed_urls),
      title: entry.title?.toWellFormed() ?? null,
      description: entry.description?.toWellFormed() ?? null,
      release_date: entry.releaseDate,
      filename: filename?.toWellFormed() ?? null,
      adjustments: adjustments.length > 0 ? [...shared.adjustments, ...adjustments] : null,
      request: entry.metadata
        ? { ...shared.request, metadata: { ...options.request.metadata, ...entry.metadata } }
        : null,
      ...(entry.skipped === null ? {} : skippedColumns(context, entry.skipped, ++ends)),
      details: details.get(batch_index) ?? null,
    });
  });
  return { shared, rows };
}

/** What the jobs fetch that may copy files of earlier ones. */
async function mediaOf(
  context: RequestContext,
  accountId: string,
  { options, entries, storage }: BatchRequest,
  rows: readonly BatchJob[],
): Promise<WantedMedia[]> {
  const variant = await variantOf(context, { ...options, inline: storage !== undefined });
  if (variant === null) return [];
  const fetched = entries.flatMap(({ url, mediaUrl, skipped }, index) =>
    skipped === null ? [{ jobId: rows[index]?.id ?? "", url: mediaUrl ?? url }] : [],
  );
  return Promise.all(
    fetched.map(({ jobId, url }) => wantedMedia(context, { accountId, jobId, variant }, url)),
  );
}

/** The state machine's columns in which a job that ends at once differs from the others. */
function skippedColumns(context: RequestContext, code: JobErrorCode, end_index: number) {
  const { status, step, error_code = null, finished_at = null } = birthColumns(context, code);
  return { status, step, error_code, finished_at, end_index };
}

/** Leaves out null columns, which would double the size of thousands of rows. */
const withoutNulls = <T extends object>(row: { [Name in keyof T]: T[Name] | null }): T =>
  Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as T;
