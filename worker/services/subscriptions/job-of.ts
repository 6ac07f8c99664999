import { JobRequest } from "../../../schema/api/job-request.ts";
import type { RequestContext } from "../../context.ts";
import type { EntryRow } from "../../db/subscriptions/entry-rows.ts";
import type { SubscriptionRow } from "../../db/subscriptions/subscription-rows.ts";
import { invalidRequest, issuesOf } from "../../lib/api-error.ts";
import type { Account } from "../accounts/key-cache.ts";
import { type PreparedJob, prepareJob } from "../intake/prepare-job.ts";
import { openEntryUrls } from "./offered.ts";
import type { SubscriptionSecrets } from "./secrets.ts";
import { fileNameOf, folderOf, type TemplateValues } from "./templates.ts";

interface EntryJob {
  readonly entry: EntryRow;
  readonly episode: number;
  readonly secrets: Pick<SubscriptionSecrets, "sent">;
}

/** Digits of an entry's key that stand for an id that its source does not state. */
const ID_LENGTH = 8;

/** What templates say of an entry. */
export const valuesOf = (
  {
    title,
    published_at,
    source_id,
    key,
    channel,
  }: Pick<EntryRow, "title" | "published_at" | "source_id" | "key" | "channel">,
  episode: number,
): TemplateValues => ({ title, published_at, episode, id: source_id ?? key.slice(0, ID_LENGTH), channel });

/**
 * The job of an entry, as if its owner had sent the request.
 *
 * @throws ApiError `invalid_request` for an address that is not public, `forbidden` for more than the account allows
 */
export async function jobOf(
  context: RequestContext,
  account: Account,
  subscription: Pick<SubscriptionRow, "id" | "feed_id" | "filename" | "folder">,
  { entry, episode, secrets }: EntryJob,
): Promise<PreparedJob> {
  const { url, media_url } = await openEntryUrls(context, subscription.feed_id, entry);
  const values = valuesOf(entry, episode);
  const { filename, folder } = subscription;
  const { storage: _, ...options } = secrets.sent;
  const sent = {
    ...options,
    url,
    ...(filename === null ? {} : { filename: fileNameOf(filename, values) }),
    ...(folder === null ? {} : folderMember(folderOf(folder, values))),
  };
  const request = JobRequest.safeParse(sent);
  if (!request.success) throw invalidRequest(issuesOf(request.error));
  const prepared = prepareJob(context.config, account.limits, request.data, sent);
  return {
    ...prepared,
    echo: { ...prepared.echo, subscription_id: subscription.id },
    entry: {
      url,
      mediaUrl: media_url,
      sourceId: entry.source_id ?? (media_url === null ? null : entry.key.slice(0, ID_LENGTH)),
      title: entry.title,
      description: entry.description,
      releaseDate:
        entry.published_at === null ? null : new Date(entry.published_at).toISOString().slice(0, 10),
      skipped: null,
    },
  };
}

const folderMember = (folder: string): { folder?: string } => (folder === "" ? {} : { folder });
