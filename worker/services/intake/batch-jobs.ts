import type { Metadata } from "../../../schema/api/metadata.ts";
import type { JobErrorCode } from "../../../schema/errors.ts";
import type { JobDetails } from "../../../schema/job-details.ts";
import type { Adjustment } from "../../../schema/media.ts";
import type { RequestContext } from "../../context.ts";
import { type EntriesToStore, heldAllowance } from "../../db/batch-rows.ts";
import type { JobRow, NewJobRow } from "../../db/job-rows.ts";
import type { WantedMedia } from "../../db/reuse/wanted-media.ts";
import type { Account } from "../accounts/key-cache.ts";
import { allowanceOf } from "../accounts/usage.ts";
import type { FileNames, Nameable } from "../batches/names.ts";
import { endsOf } from "../jobs/job-end.ts";
import { birthColumns } from "../jobs/transitions.ts";
import { variantOf, wantedMedia } from "../reuse/identity.ts";
import { contactOf, denialsOfSources } from "../rights/require-allowed.ts";
import { sealForJobs } from "../storage/credentials.ts";
import { sealingKeyOf, sealSourceUrls, type sealWebhook } from "../storage/sealed-urls.ts";
import type { VerifiedStorage } from "../storage/verify/verify-storage.ts";
import type { PreparedOptions } from "./prepare-job.ts";
import { storageColumns } from "./storage-of-request.ts";

/** One job of a batch. */
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

/** Entries of a batch that are to be stored. */
export interface NewEntries {
  readonly batchId: string;
  readonly options: PreparedOptions;
  readonly webhook: Awaited<ReturnType<typeof sealWebhook>>;
  /** Storage that was sent with the request, verified. */
  readonly storage: VerifiedStorage | undefined;
  readonly entries: readonly BatchEntry[];
  /** Position of the first of them in the batch, from 0. */
  readonly first: number;
  /** Of the batch; the names of these entries are added. */
  readonly names: FileNames;
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

/** Jobs of a batch with everything that is stored with them. */
export interface PreparedEntries extends EntriesToStore {
  readonly rows: readonly BatchJob[];
  /** Ids of those that do not end at once. */
  readonly waiting: readonly string[];
  /** Webhook deliveries of those that do. */
  readonly deliveryIds: readonly string[];
  /** Adjustments of jobs that have none of their own. */
  readonly adjustments: readonly Adjustment[];
}

type BatchJob = Pick<NewJobRow, "id" | "url"> & Partial<NewJobRow>;

/** Prepares the jobs of entries: held back until the batch releases them, or ended if there is nothing to deliver. */
export async function prepareEntries(
  context: RequestContext,
  account: Account,
  asked: NewEntries,
): Promise<PreparedEntries> {
  const { storage } = asked;
  const { entries, details } = await withoutDenied(context, asked.entries);
  const request = { ...asked, entries };
  const { shared, rows } = await jobsOf(context, account, request, details);
  const ended = rows.filter(({ finished_at }) => finished_at !== undefined);
  const waiting = rows.flatMap((row) => (row.finished_at === undefined ? [row.id] : []));
  const ends = endsOf(
    context,
    ended.map((row) => ({ ...shared, ...row }) as JobRow),
  );
  return {
    rows,
    waiting,
    deliveryIds: ends.deliveryIds,
    adjustments: shared.adjustments,
    jobs: { shared, rows },
    credentials: storage ? await sealForJobs(context, waiting, storage.storage) : [],
    guardedStatements: ends.guardedStatements,
    media: await mediaOf(context, account.id, request, rows),
    held: heldAllowance(allowanceOf(context, account)),
  };
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

/** The columns that the jobs share, and the few in which they differ. */
async function jobsOf(
  context: RequestContext,
  account: Account,
  { batchId, options, webhook, entries, first, names, storage, createdAt }: NewEntries,
  details: DeniedEntries["details"],
) {
  const shared = {
    account_id: account.id,
    key_id: account.keyId,
    batch_id: batchId,
    request: webhook.echo,
    ...webhook.columns,
    sealing_key_id: sealingKeyOf(context, webhook.columns.sealed_webhook_url),
    plan: options.plan,
    adjustments: [...options.adjustments, ...(storage?.adjustments ?? [])],
    ...storageColumns(storage),
    ...birthColumns(context, null),
    created_at: createdAt,
  } satisfies Partial<NewJobRow>;
  const named = names.add(
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
  const rows = entries.map((entry, index): BatchJob => {
    const { url = entry.url, media_url = null, sealed_urls = null } = urls[index] ?? {};
    const { filename = null, adjustments: renamed = [] } = named[index] ?? {};
    const adjustments = [...(entry.adjustments ?? []), ...renamed];
    return withoutNulls({
      id: context.newId(),
      batch_index: first + index,
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
      details: details.get(index) ?? null,
    });
  });
  return { shared, rows };
}

/** What the jobs fetch that may copy files of earlier ones. */
async function mediaOf(
  context: RequestContext,
  accountId: string,
  { options, entries, storage }: NewEntries,
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
