import { and, eq, sql } from "drizzle-orm";
import { jobs } from "../../../schema/db/tables/jobs.ts";
import { jobMedia, type MediaFacts } from "../../../schema/db/tables/reuse.ts";
import type { Db } from "../connection.ts";
import type { GuardedStatement } from "../guarded-statements.ts";
import type { JobRow } from "../job-rows.ts";
import { type CopyTerms, isOwned, newestFile } from "./reuse-of-job.ts";

/** Files that may be copied. */

/** A job with what its run reported about its media. */
export async function findFile(
  db: Db,
  id: string,
): Promise<{ job: JobRow; facts: MediaFacts | null; fetched_at: number | null } | undefined> {
  const [found] = await fileQuery(db, id);
  return found;
}
export const fileQuery = (db: Db, id: string) =>
  db
    .select({ job: jobs, facts: jobMedia.facts, fetched_at: jobMedia.fetched_at })
    .from(jobs)
    .innerJoin(jobMedia, and(eq(jobMedia.job_id, jobs.id), eq(jobMedia.kind, "address")))
    .where(eq(jobs.id, id));

/** The job whose file a run may copy, now that it knows its media by another name. */
export async function findKnown(
  db: Db,
  { jobId, source }: { readonly jobId: string; readonly source: string },
  terms: CopyTerms,
): Promise<string | null> {
  return (await knownQuery(db, { jobId, source }, terms))[0]?.file ?? null;
}
export const knownQuery = (
  db: Db,
  { jobId, source }: { readonly jobId: string; readonly source: string },
  terms: CopyTerms,
) => {
  const media = {
    accountId: sql`jobs.account_id`,
    source: sql`${source}`,
    variant: sql`${jobMedia.variant}`,
  };
  const file = newestFile(media, { job: "jobs", place: sql`jobs.storage_place`, terms });
  return db
    .select({ file: sql<string | null>`${file}`.as("file") })
    .from(jobs)
    .innerJoin(jobMedia, and(eq(jobMedia.job_id, jobs.id), eq(jobMedia.kind, "address")))
    .where(eq(jobs.id, jobId));
};

/**
 * Whether a job still owns its file, and nobody is allowed to write or delete it now.
 *
 * @param id of the job that copies it, which may have the same key
 */
export async function ownsFile(
  db: Db,
  owner: string,
  { id, now }: { readonly id: string; readonly now: number },
): Promise<boolean> {
  return (await ownsFileQuery(db, owner, { id, now })).length > 0;
}
export const ownsFileQuery = (
  db: Db,
  owner: string,
  { id, now }: { readonly id: string; readonly now: number },
) =>
  db
    .select({ id: sql<string>`owner.id`.as("id") })
    .from(sql`${jobs} as owner`)
    .innerJoin(
      sql`${jobs} as mine`,
      sql`mine.id = ${id} and mine.account_id = owner.account_id
        and mine.storage_source = owner.storage_source and mine.storage_place is owner.storage_place`,
    )
    .where(
      sql`owner.id = ${owner} and ${isOwned("owner", now)}
        and not exists (select 1 from ${jobs} as writing
          where writing.account_id = owner.account_id and writing.status = 'Processing' and writing.publishing
            and writing.id <> ${id} and writing.storage_place is owner.storage_place
            and rtrim(writing.publishing_key, replace(writing.publishing_key, '.', '')) = owner.object_stem)`,
    );

/** What is learned about a job's media at its end. */
export interface LearnedMedia {
  readonly facts: MediaFacts;
  /** Hashes of the site's name for the media and of its bytes, as far as there are any. */
  readonly others: readonly Pick<typeof jobMedia.$inferSelect, "source" | "kind">[];
  /** The job whose file was copied; null if the media was fetched. */
  readonly copiedFrom: string | null;
  readonly now: number;
}

/** Makes a delivered file known to later jobs, together with the move that ends its job. */
export const learnMedia =
  (jobId: string, { facts, others, copiedFrom, now }: LearnedMedia): GuardedStatement =>
  (db, guard) => {
    const rows = JSON.stringify([{ source: null, kind: "address" }, ...others]);
    const fetched = sql`coalesce((select copied.fetched_at from ${jobMedia} as copied
      where copied.job_id = ${copiedFrom} and copied.kind = 'address'
        and copied.account_id = mine.account_id), ${now})`;
    return db
      .insert(jobMedia)
      .select(
        sql`select mine.account_id, coalesce(json_extract(known.value, '$.source'), mine.source), mine.variant,
          mine.job_id, json_extract(known.value, '$.kind'), ${JSON.stringify(facts)}, ${fetched}, null, null
        from ${jobMedia} as mine, json_each(${rows}) as known
        where mine.job_id = ${jobId} and mine.kind = 'address' and ${guard}`,
      )
      .onConflictDoUpdate({
        target: [jobMedia.account_id, jobMedia.source, jobMedia.variant, jobMedia.job_id],
        set: { facts: sql`excluded.facts`, fetched_at: sql`excluded.fetched_at` },
      });
  };
