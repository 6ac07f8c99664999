import type { BulkRequest } from "../../../schema/api/batch.ts";
import type { Adjustment } from "../../../schema/media.ts";
import type { RequestContext } from "../../context.ts";
import { ApiError, invalidMember } from "../../lib/api-error.ts";
import type { Account } from "../accounts/key-cache.ts";
import { requireCountry } from "../exits/require-country.ts";
import { listSource } from "../sources/listing/list-source.ts";
import { recognise } from "../sources/listing/recognise.ts";
import { requirePublic } from "../sources/require-public.ts";
import { acceptBatch } from "./accept-batch.ts";
import type { BatchEntry } from "./batch-jobs.ts";
import { type Creation, reportedAdjustments } from "./create-jobs.ts";
import { prepareOptions } from "./prepare-job.ts";
import { storageOfRequest } from "./storage-of-request.ts";

/** Entries that are looked up at the same time. */
const AT_ONCE = 5;

interface BulkCreation {
  /** Id of the batch. */
  readonly id: string;
  readonly body: BulkRequest;
  /** The body as it was sent. */
  readonly sent: Record<string, unknown>;
  /** Unknown members of the body; those of single entries begin with `jobs.` and the entry's index. */
  readonly ignored: readonly Adjustment[];
}

/** The entry that a member belongs to; null for the request itself. */
function entryIndexOf(field: string): number | null {
  const index = /^jobs\.(\d+)\./.exec(field)?.[1];
  return index === undefined ? null : Number(index);
}

/**
 * Creates a batch from the URLs of one request.
 *
 * @throws ApiError `invalid_request` that names the invalid entry; as `createJobs`; then nothing is created
 */
export async function createBulk(
  context: RequestContext,
  account: Account,
  { id, body, sent, ignored }: BulkCreation,
): Promise<Creation> {
  const options = prepareOptions(
    context.config,
    account.limits,
    body,
    sent,
    ignored.filter(({ field }) => entryIndexOf(field) === null),
  );
  await requireCountry(context, body.geo);
  for (const [index, { url }] of body.jobs.entries()) requirePublic(context.config, pathOf(index), url);
  const [storage, entries] = await Promise.all([
    storageOfRequest(context, account, body.storage),
    entriesOf(context, account.id, body),
  ]);
  const { paused, jobs } = await acceptBatch(context, account, {
    id,
    kind: "bulk",
    showUrl: null,
    title: null,
    paused: body.paused ?? false,
    options: { ...options, adjustments: [...options.adjustments, ...batchResponse(body)] },
    entries: entries.map((entry, index) => ({
      ...entry,
      metadata: body.jobs[index]?.metadata,
      adjustments: ignored.filter(({ field }) => entryIndexOf(field) === index),
    })),
    storage,
  });
  return {
    response: {
      batch_id: id,
      total_jobs: jobs.length,
      paused,
      job_ids: jobs.map((job) => job.id),
      ...reportedAdjustments(jobs.flatMap(({ adjustments }) => adjustments)),
    },
    facts: { batch_id: id, jobs: jobs.length },
  };
}

const pathOf = (index: number): string => `jobs.${index}.url`;

const batchResponse = ({ batch }: BulkRequest): Adjustment[] =>
  batch
    ? [{ field: "batch", from: true, to: null, reason: "The URLs of a bulk request are single items" }]
    : [];

async function entriesOf(
  context: RequestContext,
  accountId: string,
  body: BulkRequest,
): Promise<BatchEntry[]> {
  const entries: BatchEntry[] = [];
  for (let start = 0; start < body.jobs.length; start += AT_ONCE) {
    const page = body.jobs.slice(start, start + AT_ONCE);
    entries.push(
      ...(await Promise.all(
        page.map((job, index) => entryOf(context, accountId, body, { job, index: start + index })),
      )),
    );
  }
  return entries;
}

async function entryOf(
  context: RequestContext,
  accountId: string,
  body: BulkRequest,
  { job, index }: { readonly job: BulkRequest["jobs"][number]; readonly index: number },
): Promise<BatchEntry> {
  const recognised = recognise(job.url, false);
  const filename = job.filename ?? body.filename ?? null;
  if (recognised.type === "spotify_show") {
    throw invalidMember(pathOf(index), "is a show, which POST /jobs takes");
  }
  if (recognised.type !== "spotify_episode") return { ...UNLISTED, url: job.url, filename };
  try {
    const [entry] = (await listSource(context, recognised, { accountId })).entries;
    return { ...(entry ?? UNLISTED), url: job.url, filename };
  } catch (error) {
    if (error instanceof ApiError && error.code === "invalid_request") {
      throw invalidMember(pathOf(index), error.message);
    }
    throw error;
  }
}

const UNLISTED = {
  mediaUrl: null,
  sourceId: null,
  title: null,
  description: null,
  releaseDate: null,
  skipped: null,
} as const satisfies Partial<BatchEntry>;
