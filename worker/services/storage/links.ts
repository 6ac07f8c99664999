import { z } from "zod";
import type { RequestContext } from "../../context.ts";
import type { JobRow, NewJobRow } from "../../db/job-rows.ts";
import { findStorageConfig } from "../../db/storage-configs.ts";
import { describeError } from "../../lib/log.ts";
import { openSealed } from "./credentials.ts";
import { openStorageClient } from "./open-store.ts";
import { LINK_SECONDS, type StorageClient } from "./store.ts";

/** Links by object key; null or absent if a link cannot be signed. */
export type Links = Readonly<Record<string, string | null>>;
const Links = z.record(z.string(), z.string().nullable());

const NO_LINKS: Links = {};

/** The columns with the keys of what a job delivered. */
export type DeliveredColumns = Pick<
  JobRow,
  "object_key" | "file_replaced_by" | "subtitle_key" | "thumbnail_key" | "subtitles"
>;

/** The keys of all objects that a job delivered and still owns, the media first. */
export function deliveredKeys(job: Partial<DeliveredColumns>): string[] {
  const keys = [
    (job.file_replaced_by ?? null) === null ? job.object_key : null,
    job.thumbnail_key,
    job.subtitle_key,
    ...(job.subtitles ?? []).map(({ key }) => key),
  ];
  return [...new Set(keys.filter((key) => typeof key === "string"))];
}

/** Whether links to what a job delivered are made once, at its end, and do not expire. */
export const hasLastingLinks = ({ storage_source, storage_provider }: LinkColumns): boolean =>
  storage_source === "account" && storage_provider === "gdrive";

type LinkColumns = Pick<JobRow, "storage_source" | "storage_provider">;

/**
 * The links of a job: signed now for the managed bucket and account storage; for inline storage and Google Drive the
 * links that were made when the job ended, until they expire. None once another job overwrote the file.
 */
export async function linksOf(context: RequestContext, job: JobRow): Promise<Links> {
  if (job.object_key === null || job.file_replaced_by !== null) return NO_LINKS;
  switch (job.storage_source) {
    case "managed":
      return signLinks(context.bucket, deliveredKeys(job));
    case "account":
      return linksInAccount(context, job);
    case "inline":
      return keptLinks(context, job);
  }
}

/** Sealed columns for links that cannot be signed again, for the write that ends the job. */
export async function linksToKeep(
  context: RequestContext,
  store: StorageClient,
  jobId: string,
  keys: readonly string[],
): Promise<Pick<NewJobRow, "links" | "links_expire_at">> {
  const links_expire_at = context.clock() + LINK_SECONDS * 1000;
  const { sealed } = await context.sealer.seal(JSON.stringify(await signLinks(store, keys)), {
    owner: jobId,
    purpose: "job.links",
  });
  return { links: sealed, links_expire_at };
}

async function signLinks(store: Pick<StorageClient, "signedLink">, keys: readonly string[]): Promise<Links> {
  return Object.fromEntries(await Promise.all(keys.map(async (key) => [key, await store.signedLink(key)])));
}

async function keptLinks(context: RequestContext, { id, links, links_expire_at }: JobRow): Promise<Links> {
  if (links === null || (links_expire_at !== null && links_expire_at <= context.clock())) return NO_LINKS;
  return unlessBroken(context, id, async () =>
    Links.parse(JSON.parse(await context.sealer.open(links, { owner: id, purpose: "job.links" }))),
  );
}

async function linksInAccount(context: RequestContext, job: JobRow): Promise<Links> {
  const config = await configOf(context, job.account_id);
  // the account's storage was removed or replaced
  if (config?.place !== job.storage_place) return NO_LINKS;
  if (hasLastingLinks(job)) return keptLinks(context, job);
  return unlessBroken(context, job.id, async () => {
    const { target } = await openSealed(context, config.sealed, {
      owner: job.account_id,
      purpose: "account.storage",
    });
    return signLinks(openStorageClient(target, context), deliveredKeys(job));
  });
}

/** A link that cannot be signed must not make the job unreadable. */
async function unlessBroken(
  context: RequestContext,
  job_id: string,
  sign: () => Promise<Links>,
): Promise<Links> {
  try {
    return await sign();
  } catch (error) {
    context.log("links_failed", { job_id, error: describeError(error) });
    return NO_LINKS;
  }
}

type Config = ReturnType<typeof findStorageConfig>;
const configs = new WeakMap<RequestContext, Map<string, Config>>();

/** Looked up once for all jobs of a response. */
function configOf(context: RequestContext, accountId: string): Config {
  const known = configs.get(context) ?? new Map<string, Config>();
  configs.set(context, known);
  const config = known.get(accountId) ?? findStorageConfig(context.db, accountId);
  known.set(accountId, config);
  return config;
}
