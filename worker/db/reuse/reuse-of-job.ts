import { type Placeholder, type SQL, sql } from "drizzle-orm";
import { jobs } from "../../../schema/db/tables/jobs.ts";
import { jobMedia } from "../../../schema/db/tables/reuse.ts";

/** When a file may be copied. */
export interface CopyTerms {
  /** Epoch milliseconds. */
  readonly now: number;
  /** Bytes that were read from their source before this are old. */
  readonly recentSince: number;
}

/** The same, or placeholders for it. */
export interface CopyTermsInSql {
  readonly now: number | Placeholder;
  readonly recentSince: number | Placeholder;
}

/** A file that expires sooner is not copied: the copy would begin too late. In milliseconds. */
const EXPIRY_MARGIN_MS = 15 * 60_000;

/** A delivered file that its job still owns. */
export const isOwned = (name: string, now: number | Placeholder): SQL => {
  const owner = sql.raw(name);
  return sql`${owner}.status = 'Completed'
  and ${owner}.object_key is not null and ${owner}.file_replaced_by is null
  and coalesce(${owner}.erasing_until, 0) <= ${now}
  and (${owner}.expires_at is null or ${owner}.expires_at - ${sql.raw(`${EXPIRY_MARGIN_MS}`)} > ${now})`;
};

/** The bucket that a job will be delivered to: the account may have replaced its storage since. */
const sameBucket = (owner: string, job: string, place: SQL): SQL =>
  sql`${sql.raw(`${owner}.storage_source = ${job}.storage_source`)} and ${sql.raw(owner)}.storage_place is ${place}`;

/** The newest file of the account for this media that may be copied. */
export const newestFile = (
  media: { accountId: SQL; source: SQL; variant: SQL },
  { job, place, terms }: { job: string; place: SQL; terms: CopyTermsInSql },
): SQL => sql`(select earlier.job_id from ${jobMedia} as earlier indexed by job_media_delivered
  join ${jobs} as owner on owner.id = earlier.job_id
  where earlier.account_id = ${media.accountId} and earlier.source = ${media.source}
    and earlier.variant = ${media.variant} and earlier.fetched_at is not null
    and earlier.job_id <> ${sql.raw(job)}.id and owner.account_id = ${media.accountId}
    and (earlier.fetched_at > ${terms.recentSince}
      or json_extract(earlier.facts, '$.source.version') is not null)
    and ${isOwned("owner", terms.now)} and ${sameBucket("owner", job, place)}
  order by earlier.fetched_at desc, earlier.job_id desc limit 1)`;

/** Another job of the account that is fetching this media for the same bucket; recordings may last for hours. */
export const runningTwin = (
  mine: string,
  job: string,
  place: SQL,
): SQL => sql`(select twin.id from ${jobs} as twin
  where twin.account_id = ${sql.raw(mine)}.account_id and twin.status = 'Processing'
    and twin.id <> ${sql.raw(job)}.id and twin.recording_key is null and ${sameBucket("twin", job, place)}
    and exists (select 1 from ${jobMedia} as its
      where its.account_id = ${sql.raw(mine)}.account_id and its.source = ${sql.raw(mine)}.source
        and its.variant = ${sql.raw(mine)}.variant and its.job_id = twin.id)
  limit 1)`;

/** What is known about the media of a job that is about to run; null if it must not be copied. */
export interface ReuseOfJob {
  /** The job whose file may be copied. */
  readonly file: string | null;
  /** The job that is fetching the same media. */
  readonly twin: string | null;
}

/** A column of the query that reads a job for its run. @param place of the account's present storage */
export const reuseOfJob = (terms: CopyTermsInSql, place: SQL): SQL<string | null> => {
  const now = sql`iif(jobs.storage_source = 'account', ${place}, jobs.storage_place)`;
  const media = { accountId: sql`mine.account_id`, source: sql`mine.source`, variant: sql`mine.variant` };
  return sql<string | null>`(select json_object(
      'file', ${newestFile(media, { job: "jobs", place: now, terms })},
      'twin', ${runningTwin("mine", "jobs", now)})
    from ${jobMedia} as mine where mine.job_id = jobs.id and mine.kind = 'address')`;
};
