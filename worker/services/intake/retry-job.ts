import { JobRequest } from "../../../schema/api/job-request.ts";
import type { InlineStorage } from "../../../schema/api/storage.ts";
import type { RequestContext } from "../../context.ts";
import { findJobOf, type JobRow } from "../../db/job-rows.ts";
import { relinkEntry } from "../../db/subscriptions/retried-entries.ts";
import { illegalState, invalidMember, notFound } from "../../lib/api-error.ts";
import type { Account } from "../accounts/key-cache.ts";
import { requireAllowed } from "../rights/require-allowed.ts";
import { listSource } from "../sources/listing/list-source.ts";
import type { ListedEntry } from "../sources/listing/listing.ts";
import { recognise } from "../sources/listing/recognise.ts";
import { openAddress, openSourceUrls, type SourceUrls, webhookOf } from "../storage/sealed-urls.ts";
import { acceptJobs } from "./accept-jobs.ts";
import { prepareJob } from "./prepare-job.ts";
import { storageOfRequest } from "./storage-of-request.ts";

const RETRIABLE = ["Failed", "Warning", "Skipped"];

/**
 * Retries an ended job as a new job. The entry of its subscription follows the new one. If the old one belongs to a batch, the new one does not, because the counters of an
 * ended batch are final.
 *
 * @returns the id of the new job
 * @throws ApiError `not_found`; `invalid_request` for a job that cannot be retried; as `storageOfRequest` for its
 *   storage, which must be sent again if it was sent with the job
 */
export async function retryJob(
  context: RequestContext,
  account: Account,
  id: string,
  storage: InlineStorage | undefined,
): Promise<string | undefined> {
  const job = await findJobOf(context.db, account.id, id.toLowerCase());
  if (!job) throw notFound("job");
  if (!RETRIABLE.includes(job.status)) throw illegalState("Only failed jobs can be retried");
  if (job.storage_source === "inline" && !storage) {
    throw invalidMember(
      "storage",
      "is required: the original job used inline storage, and its credentials were erased",
    );
  }
  const urls = await openSourceUrls(context, job);
  await requireAllowed(context, [urls.url, urls.media_url], job.details?.marks);
  const webhook = webhookOf(job.account_id, job.request.webhook_url, job.sealed_webhook_url);
  const request = {
    ...requestToRepeat(job),
    url: urls.url,
    ...(webhook ? { webhook_url: await openAddress(context, webhook) } : {}),
  };
  const prepared = prepareJob(context.config, account.limits, JobRequest.parse(request), request);
  const [verified, entry] = await Promise.all([
    storageOfRequest(context, account, storage),
    findEntry(context, job, urls),
  ]);
  if (entry) await requireAllowed(context, [entry.mediaUrl]);
  const { subscription_id: subscriptionId } = job.request;
  const isSubscribed = typeof subscriptionId === "string";
  const again = {
    ...prepared,
    ...(entry ? { entry } : {}),
    ...(isSubscribed ? { echo: { ...prepared.echo, subscription_id: subscriptionId } } : {}),
  };
  const chosen = context.newId();
  const retried = isSubscribed ? { job, subscriptionId, newId: chosen, now: context.clock() } : null;
  const [newId] = await acceptJobs(context, account, [again], {
    ids: [chosen],
    originalJobId: job.id,
    storage: verified,
    ...(retried ? { alongside: relinkEntry(retried) } : {}),
  });
  return newId;
}

/** Options for a batch as a whole do not apply to one job. */
function requestToRepeat({ request, filename }: JobRow): Record<string, unknown> {
  const { paused: _paused, batch: _batch, ...members } = request;
  return { ...members, ...(filename === null ? {} : { filename }) };
}

/** An episode whose feed was not found may be in one by now. */
async function findEntry(
  context: RequestContext,
  job: JobRow,
  { url, media_url }: SourceUrls,
): Promise<ListedEntry | undefined> {
  if (media_url !== null) return entryOf(job, url, media_url);
  const recognised = recognise(url, false);
  if (recognised.type !== "spotify_episode") return undefined;
  return (await listSource(context, recognised, { accountId: job.account_id })).entries[0];
}

const entryOf = (
  { title, description, release_date }: JobRow,
  url: string,
  mediaUrl: string,
): ListedEntry => ({
  url,
  mediaUrl,
  sourceId: null,
  title,
  description,
  releaseDate: release_date,
  skipped: null,
});
