import type { JobRequest } from "../../../schema/api/job-request.ts";
import type { Adjustment } from "../../../schema/media.ts";
import type { Asker, RequestContext } from "../../context.ts";
import type { LogFields } from "../../lib/log.ts";
import type { Account } from "../accounts/key-cache.ts";
import { requireCountry } from "../exits/require-country.ts";
import { requireAllowed } from "../rights/require-allowed.ts";
import { listSource } from "../sources/listing/list-source.ts";
import type { ListedEntry, Listing, RecognisedList } from "../sources/listing/listing.ts";
import { recognise } from "../sources/listing/recognise.ts";
import { type AcceptedBatch, acceptBatch, findAccepted } from "./accept-batch.ts";
import { acceptJobs } from "./accept-jobs.ts";
import { beginListing } from "./long-lists/begin-listing.ts";
import { type PreparedJob, prepareJob, prepareOptions } from "./prepare-job.ts";
import { storageOfRequest } from "./storage-of-request.ts";

/** Maximum number of adjustments in a response; each job reports all of its own. */
const MAX_REPORTED = 100;

/** A response, and its fields in the request's log line. */
export interface Creation {
  readonly response: Record<string, unknown>;
  readonly facts: LogFields;
}

interface JobCreation {
  /** Id of the job or the batch. */
  readonly id: string;
  readonly body: JobRequest;
  /** The body as it was sent. */
  readonly sent: Record<string, unknown>;
  /** Unknown members of the body. */
  readonly ignored: readonly Adjustment[];
}

/**
 * Creates what a URL asks for: one job, or a batch with a job for each entry of a list.
 *
 * @throws ApiError as `prepareJob`, `storageOfRequest`, `listSource` and `acceptJobs`; then nothing is created
 */
export async function createJobs(
  context: RequestContext,
  account: Account,
  { id, body, sent, ignored }: JobCreation,
): Promise<Creation> {
  const prepared = prepareJob(context.config, account.limits, body, sent, ignored);
  await requireCountry(context, body.geo);
  const recognised = recognise(prepared.url, body.batch ?? false);
  await requireAllowed(context, [prepared.url, recognised.type === "playlist" ? recognised.url : null]);
  switch (recognised.type) {
    case "media":
      return createSingle(context, account, { id, body, prepared });
    case "spotify_episode":
      return createSingle(context, account, { id, body, prepared, recognised });
    default:
      return createList(context, account, { id, body, sent, ignored, recognised });
  }
}

interface SingleRequest {
  readonly id: string;
  readonly body: JobRequest;
  readonly prepared: PreparedJob;
  /** The media's address, if a listing found it. */
  readonly recognised?: RecognisedList;
}

async function createSingle(
  context: RequestContext,
  account: Account,
  { id, body, prepared, recognised }: SingleRequest,
): Promise<Creation> {
  const [storage, listing] = await Promise.all([
    storageOfRequest(context, account, body.storage),
    recognised ? listSource(context, recognised, askerOf(account, body)) : null,
  ]);
  const [entry] = listing?.entries ?? [];
  if (entry) await requireAllowed(context, [entry.mediaUrl]);
  const [job_id = id] = await acceptJobs(context, account, [{ ...prepared, ...(entry ? { entry } : {}) }], {
    ids: [id],
    storage,
  });
  const adjustments = [...prepared.adjustments, ...(storage?.adjustments ?? [])];
  return { response: { job_id, ...reportedAdjustments(adjustments) }, facts: { job_id } };
}

interface ListRequest extends JobCreation {
  readonly recognised: RecognisedList;
}

async function createList(
  context: RequestContext,
  account: Account,
  { id, body, sent, ignored, recognised }: ListRequest,
): Promise<Creation> {
  const facts = { batch_id: id };
  // executed again with its idempotency key: listing is expensive, and the list may have changed
  const existing = await findAccepted(context, account.id, id);
  if (existing) return { response: listResponse(id, recognised, existing), facts };
  const options = prepareOptions(context.config, account.limits, body, sent, ignored);
  const [storage, listing] = await Promise.all([
    storageOfRequest(context, account, body.storage),
    listSource(context, recognised, askerOf(account, body)),
  ]);
  const long = listing.isWhole
    ? null
    : await beginListing(context, {
        ...{ batchId: id, accountId: account.id, listing },
        request: { sent, ignored, storage },
      });
  const accepted = await acceptBatch(context, account, {
    id,
    kind: listing.kind,
    showUrl: body.url,
    title: listing.title,
    paused: body.paused ?? false,
    options,
    entries: entriesOf(long ?? listing, body.filename ?? null),
    storage,
    listing: long?.row ?? null,
  });
  return {
    response: listResponse(id, recognised, accepted),
    facts: { ...facts, jobs: accepted.jobs.length },
  };
}

const askerOf = ({ id }: Account, { cookies }: JobRequest): Asker => ({ accountId: id, cookies });

const entriesOf = ({ entries }: Pick<Listing, "entries">, filename: string | null) =>
  entries.map((entry: ListedEntry) => ({ ...entry, filename }));

function listResponse(
  batch_id: string,
  { type }: RecognisedList,
  { paused, jobs, listing }: AcceptedBatch,
): Record<string, unknown> {
  const ids = jobs.map(({ id }) => id);
  const common = {
    batch_id,
    paused,
    listing,
    ...reportedAdjustments(jobs.flatMap(({ adjustments }) => adjustments)),
  };
  if (type === "spotify_show") {
    const episodes = jobs.map(({ id, url, title, description, release_date }) => ({
      job_id: id,
      url,
      title,
      description,
      release_date,
    }));
    return { ...common, total_episodes: ids.length, episodes, episode_jobs: ids };
  }
  const videos = jobs.map(({ id, url, title }) => ({ job_id: id, url, title }));
  return { ...common, total_videos: ids.length, videos, video_jobs: ids };
}

/** Each adjustment once, even if many jobs share it. */
export function reportedAdjustments(adjustments: readonly Adjustment[]): { adjustments?: Adjustment[] } {
  const distinct = new Map(adjustments.map((adjustment) => [JSON.stringify(adjustment), adjustment]));
  return distinct.size > 0 ? { adjustments: [...distinct.values()].slice(0, MAX_REPORTED) } : {};
}
