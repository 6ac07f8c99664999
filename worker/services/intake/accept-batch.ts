import type { BatchKind } from "../../../schema/api/batch.ts";
import type { JobErrorCode } from "../../../schema/errors.ts";
import type { Adjustment } from "../../../schema/media.ts";
import type { Scope } from "../../context.ts";
import { findBatchOf, insertBatch, type JobSummary, summariesQuery } from "../../db/batch-rows.ts";
import type { JobRow, NewJobRow } from "../../db/job-rows.ts";
import type { Account } from "../accounts/key-cache.ts";
import { allowanceOf, refuseJobs } from "../accounts/usage.ts";
import { FIRST_LOOK_GRACE_MS } from "../batches/grace.ts";
import { type Nameable, nameFiles } from "../batches/names.ts";
import { endsOf } from "../jobs/job-end.ts";
import { birthColumns } from "../jobs/transitions.ts";
import { sendNoticeHints } from "../queue/sender.ts";
import { sealForJobs } from "../storage/credentials.ts";
import { sealingKeyOf, sealShowUrl, sealSourceUrls, sealWebhook } from "../storage/sealed-urls.ts";
import type { VerifiedStorage } from "../storage/verify/verify-storage.ts";
import type { PreparedOptions } from "./prepare-job.ts";
import { storageColumns } from "./storage-of-request.ts";

/** One job of a batch to be. */
export interface BatchEntry extends Omit<Nameable, "isFetchedElsewhere"> {
  readonly mediaUrl: string | null;
  readonly description: string | null;
  readonly releaseDate: string | null;
  readonly skipped: JobErrorCode | null;
  /** Of this job alone. */
  readonly adjustments?: readonly Adjustment[];
}

/** A batch to be. */
export interface BatchRequest {
  readonly id: string;
  readonly kind: BatchKind;
  readonly showUrl: string | null;
  readonly title: string | null;
  readonly paused: boolean;
  readonly options: PreparedOptions;
  readonly entries: readonly BatchEntry[];
  /** That came with the request, verified. */
  readonly storage: VerifiedStorage | undefined;
}

/** What the creation of a batch is answered with, now and whenever it is asked again. */
export interface AcceptedBatch {
  readonly paused: boolean;
  readonly jobs: readonly JobSummary[];
}

/**
 * Stores a batch and all of its jobs, which it holds back, by one round trip; its object releases them after the answer.
 * A batch with this id that exists already is answered alike.
 *
 * @throws ApiError `quota_exceeded`; nothing is stored then
 */
export async function acceptBatch(
  scope: Scope,
  account: Account,
  request: BatchRequest,
): Promise<AcceptedBatch> {
  const { id, options, entries, storage } = request;
  const now = scope.clock();
  const webhook = await sealWebhook(scope, account.id, options.echo);
  const show = await sealShowUrl(scope, account.id, request.showUrl?.toWellFormed() ?? null);
  const { shared, rows } = await jobsOf(scope, account, request, webhook);
  const skipped = rows.filter(({ finished_at }) => finished_at !== undefined);
  const paused = request.paused && skipped.length < rows.length;
  const ends = endsOf(
    scope,
    skipped.map((row) => ({ ...shared, ...row }) as JobRow),
  );
  const waiting = rows.flatMap((row) => (row.finished_at === undefined ? [row.id] : []));
  // the others are not due before the batch releases them
  if (!paused) scope.backlog.admit(scope, Math.min(waiting.length, scope.config.batchWindow));
  const allowance = allowanceOf(scope, account);
  const { folder } = options.request;
  const stored = await insertBatch(scope.db, {
    batch: {
      id,
      account_id: account.id,
      key_id: account.keyId,
      kind: request.kind,
      ...show,
      title: request.title?.toWellFormed() ?? null,
      folder: folder ?? null,
      webhook_url: typeof webhook.echo.webhook_url === "string" ? webhook.echo.webhook_url : null,
      ...webhook.columns,
      sealing_key_id: sealingKeyOf(scope, show.sealed_show_url, webhook.columns.sealed_webhook_url),
      status: paused ? "paused" : "processing",
      total: rows.length,
      check_due_at: paused ? null : now + FIRST_LOOK_GRACE_MS,
      created_at: now,
      started_at: paused ? null : now,
    },
    jobs: { shared, rows },
    credentials: storage ? await sealForJobs(scope, waiting, storage.storage) : [],
    companions: ends.companions,
    allowance,
  });
  if (!stored) {
    const existing = await findAccepted(scope, account.id, id);
    if (existing) return existing;
    if (allowance) await refuseJobs(scope, allowance, waiting.length);
    throw new Error("a batch was not stored although nothing forbids it");
  }
  if (!paused) scope.defer(scope.batches.wake(id));
  if (ends.deliveryIds.length > 0) scope.defer(sendNoticeHints(scope, ends.deliveryIds));
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
  scope: Scope,
  accountId: string,
  id: string,
): Promise<AcceptedBatch | undefined> {
  const batch = await findBatchOf(scope.db, accountId, id);
  if (!batch) return undefined;
  // as it was accepted, even if it was started since
  return { paused: batch.started_at !== batch.created_at, jobs: await summariesQuery(scope.db, id) };
}

type BatchJob = Pick<NewJobRow, "id" | "url"> & Partial<NewJobRow>;

/** What the jobs have in common, and the few columns in which they differ. */
async function jobsOf(
  scope: Scope,
  account: Account,
  { id, options, entries, storage }: BatchRequest,
  webhook: Awaited<ReturnType<typeof sealWebhook>>,
) {
  const shared = {
    account_id: account.id,
    key_id: account.keyId,
    batch_id: id,
    request: webhook.echo,
    ...webhook.columns,
    sealing_key_id: sealingKeyOf(scope, webhook.columns.sealed_webhook_url),
    plan: options.plan,
    adjustments: [...options.adjustments, ...(storage?.adjustments ?? [])],
    ...storageColumns(storage),
    ...birthColumns(scope, null),
    created_at: scope.clock(),
  } satisfies Partial<NewJobRow>;
  const names = nameFiles(
    entries.map((entry) => ({ ...entry, isFetchedElsewhere: entry.mediaUrl !== null })),
  );
  const urls = await Promise.all(
    entries.map(({ url, mediaUrl }) =>
      sealSourceUrls(scope, account.id, {
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
      id: scope.newId(),
      batch_index,
      url,
      media_url,
      sealed_urls,
      sealing_key_id: sealingKeyOf(scope, sealed_urls),
      title: entry.title?.toWellFormed() ?? null,
      description: entry.description?.toWellFormed() ?? null,
      release_date: entry.releaseDate,
      filename: filename?.toWellFormed() ?? null,
      adjustments: adjustments.length > 0 ? [...shared.adjustments, ...adjustments] : null,
      ...(entry.skipped === null ? {} : skippedColumns(scope, entry.skipped, ++ends)),
    });
  });
  return { shared, rows };
}

/** Those of the machine's columns in which a job that ends at once differs from the others. */
function skippedColumns(scope: Scope, code: JobErrorCode, end_index: number) {
  const { status, step, error_code = null, finished_at = null } = birthColumns(scope, code);
  return { status, step, error_code, finished_at, end_index };
}

/** Thousands of rows that name what they do not have would double what is sent. */
const withoutNulls = <T extends object>(row: { [Name in keyof T]: T[Name] | null }): T =>
  Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as T;
