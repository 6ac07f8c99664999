import { defaultFilename } from "../../../schema/storage/object-key.ts";
import type { RequestContext } from "../../context.ts";
import type { Guard } from "../../db/guarded-statements.ts";
import { findJobOf, insertJobs, type JobRow, type NewJobRow, unfinishedOf } from "../../db/job-rows.ts";
import type { WantedMedia } from "../../db/reuse/wanted-media.ts";
import type { Account } from "../accounts/key-cache.ts";
import { allowanceOf, refuseJobs } from "../accounts/usage.ts";
import { endsOf } from "../jobs/job-end.ts";
import { birthColumns } from "../jobs/transitions.ts";
import { DISPATCH_GRACE_MS, sendDeliveryMessages, sendDispatchMessages } from "../queue/sender.ts";
import { variantOf, wantedMedia } from "../reuse/identity.ts";
import type { ListedEntry } from "../sources/listing/listing.ts";
import { sealForJobs } from "../storage/credentials.ts";
import { type SourceUrls, sealingKeyOf, sealSourceUrls, sealWebhook } from "../storage/sealed-urls.ts";
import type { VerifiedStorage } from "../storage/verify/verify-storage.ts";
import type { PreparedJob } from "./prepare-job.ts";
import { storageColumns } from "./storage-of-request.ts";

interface AcceptOptions {
  /** Ids that were chosen before, in the order of the jobs; a job that exists already is not created again. */
  readonly ids?: readonly string[];
  readonly originalJobId?: string;
  /** Storage that was sent with the request, verified. Without it, jobs go to the account's own storage or the managed bucket. */
  readonly storage?: VerifiedStorage | undefined;
  /** Only jobs that pass it are stored. */
  readonly condition?: Guard;
  /** Statements of the transaction that stores the jobs, executed after that. */
  readonly alongside?: Parameters<typeof insertJobs>[2] extends { alongside?: infer A } | undefined
    ? A
    : never;
}

/**
 * Stores jobs and their sealed credentials in one round trip to the database; their dispatch messages are sent after
 * the response.
 *
 * @returns the ids, in the order of the jobs
 * @throws ApiError `overloaded`, `too_many_jobs` or `quota_exceeded`; nothing is stored then
 * @throws DatabaseError if the database did not respond, not even to the check whether they were stored
 */
export async function acceptJobs(
  context: RequestContext,
  account: Account,
  prepared: readonly PreparedJob[],
  { ids: chosen, originalJobId, storage, condition, alongside }: AcceptOptions = {},
): Promise<string[]> {
  const now = context.clock();
  const rows = await Promise.all(
    prepared.map(
      async ({ url, echo, request, plan, adjustments, entry }, index): Promise<NewJobRow> => ({
        id: chosen?.[index] ?? context.newId(),
        account_id: account.id,
        key_id: account.keyId,
        batch_id: null,
        original_job_id: originalJobId ?? null,
        ...(await urlColumns(context, account.id, {
          urls: { url: url.toWellFormed(), media_url: entry?.mediaUrl?.toWellFormed() ?? null },
          echo,
        })),
        plan,
        adjustments: [...adjustments, ...(storage?.adjustments ?? [])],
        ...storageColumns(storage),
        filename: entry?.mediaUrl && request.filename === undefined ? nameOf(entry) : null,
        title: entry?.title?.toWellFormed() ?? null,
        description: entry?.description?.toWellFormed() ?? null,
        release_date: entry?.releaseDate ?? null,
        due_at: now,
        enqueue_due_at: now + DISPATCH_GRACE_MS,
        created_at: now,
        ...birthColumns(context, entry?.skipped ?? null),
      }),
    ),
  );
  const ids = rows.map(({ id }) => id);
  const waiting = rows.flatMap(({ id, finished_at = null }) => (finished_at === null ? [id] : []));
  context.backlog.admit(context, waiting.length);
  const credentials = storage ? await sealForJobs(context, waiting, storage.storage) : [];
  const allowance = allowanceOf(context, account);
  const media = await mediaOf(context, account.id, prepared, ids, storage !== undefined);
  const ends = endsOf(context, rows.filter(({ finished_at = null }) => finished_at !== null) as JobRow[]);
  const areStored = async () => (await findJobOf(context.db, account.id, ids[0] ?? "")) !== undefined;
  const stored = await insertJobs(
    context.db,
    { shared: {}, rows },
    { credentials, allowance, guardedStatements: ends.guardedStatements, media, condition, alongside },
  ).catch(async (error: unknown) => {
    // all were stored or none; a lost response of the database must not make the caller send them again
    if (await areStored()) return rows.length;
    throw error;
  });
  if (allowance && stored < rows.length && !(await areStored())) {
    await refuseJobs(context, allowance, unfinishedOf(rows));
  }
  if (waiting.length > 0) context.defer(sendDispatchMessages(context, waiting));
  if (ends.deliveryIds.length > 0) context.defer(sendDeliveryMessages(context, ends.deliveryIds));
  return ids;
}

/** What the jobs fetch that may copy files of earlier ones. */
async function mediaOf(
  context: RequestContext,
  accountId: string,
  prepared: readonly PreparedJob[],
  ids: readonly string[],
  inline: boolean,
): Promise<WantedMedia[]> {
  const all = await Promise.all(
    prepared.map(async ({ url, plan, echo, entry }, index) => {
      const jobId = ids[index] ?? "";
      const variant = entry?.skipped ? null : await variantOf(context, { plan, echo, inline });
      if (variant === null) return [];
      return [await wantedMedia(context, { accountId, jobId, variant }, entry?.mediaUrl ?? url)];
    }),
  );
  return all.flat();
}

/** The columns that hold URLs, and the request, which repeats them. */
async function urlColumns(
  context: RequestContext,
  owner: string,
  { urls, echo }: { urls: SourceUrls; echo: Record<string, unknown> },
) {
  const [source, webhook] = await Promise.all([
    sealSourceUrls(context, owner, urls),
    sealWebhook(context, owner, echo),
  ]);
  return {
    ...source,
    ...webhook.columns,
    request: { ...webhook.echo, url: source.url },
    sealing_key_id: sealingKeyOf(context, source.sealed_urls, webhook.columns.sealed_webhook_url),
  };
}

/** The file name of an enclosure is meaningless. */
const nameOf = ({ title, sourceId }: ListedEntry): string =>
  defaultFilename((title ?? "").toWellFormed(), (sourceId ?? "").toWellFormed());
