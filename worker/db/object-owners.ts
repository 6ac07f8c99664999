import { and, eq, isNull, ne, or, type SQL, sql } from "drizzle-orm";
import { jobs } from "../../schema/db/tables/jobs.ts";
import { stemOf } from "../../schema/storage/object-key.ts";
import type { Db } from "./connection.ts";
import type { GuardedStatement } from "./guarded-statements.ts";
import type { JobRow } from "./job-rows.ts";

/**
 * Ownership of objects. An object belongs to the job that wrote it last: the write that completes a job takes it from
 * its former owner. While a run is allowed to write, and while files are being deleted, no other job of the account may
 * touch files with the same stem, so that jobs end in the order of their writes.
 */

/** A key in a bucket of an account. */
export interface ObjectPlace {
  readonly accountId: string;
  /** As in the job's column; null for the managed bucket. */
  readonly storagePlace: string | null;
  readonly key: string;
}

/** Jobs of the account, under this alias, that deliver to the same bucket. */
const sameBucket = (alias: string, { accountId, storagePlace }: ObjectPlace): SQL =>
  sql`${sql.raw(alias)}.account_id = ${accountId} and ${sql.raw(alias)}.storage_place is ${storagePlace}`;

/** Those that delivered a file with the same stem. */
const sameStem = (alias: string, place: ObjectPlace): SQL =>
  sql`${sql.raw(alias)}.object_key is not null and ${sql.raw(alias)}.object_stem = ${stemOf(place.key)}
    and ${sameBucket(alias, place)}`;

/** What {@link stemOf} returns for the key that a running job writes. */
const WRITTEN_STEM = sql`rtrim(writing.publishing_key, replace(writing.publishing_key, '.', ''))`;

/**
 * Whether the key must not be written now: another run of the account may write files with the same stem, or such
 * files are being deleted.
 */
export const isBeingWritten = (jobId: string, place: ObjectPlace, now: number): SQL => sql`(
  exists (select 1 from ${jobs} as writing
    where writing.status = 'Processing' and writing.publishing and writing.id <> ${jobId}
      and ${WRITTEN_STEM} = ${stemOf(place.key)} and ${sameBucket("writing", place)})
  or exists (select 1 from ${jobs} as erasing
    where erasing.erasing_until > ${now} and ${sameStem("erasing", place)}))`;

/** The job that had delivered a file under this key loses it. */
export const takeFile =
  (jobId: string, place: ObjectPlace): GuardedStatement =>
  (db, guard) =>
    db
      .update(jobs)
      .set({
        file_replaced_by: jobId,
        links: null,
        links_expire_at: null,
        revision: sql`${jobs.revision} + 1`,
      })
      .where(
        and(
          sameStem("jobs", place),
          eq(jobs.object_key, place.key),
          ne(jobs.id, jobId),
          isNull(jobs.file_replaced_by),
          guard,
        ),
      );

/** Jobs that had delivered subtitles or a thumbnail under these keys lose them, and report why. */
export const takeSidecars =
  (jobId: string, place: ObjectPlace, keys: readonly string[]): GuardedStatement =>
  (db, guard) => {
    const taken = sql`(select value from json_each(${JSON.stringify(keys)}))`;
    const kept = sql`(select json_group_array(json(json_each.value)) from json_each(jobs.subtitles)
      where json_extract(json_each.value, '$.key') not in ${taken})`;
    const adjustment = JSON.stringify({
      ...{ field: "filename", from: stemOf(place.key), to: null },
      reason: `Job ${jobId} has the same name and replaced subtitles or the thumbnail of this one`,
    });
    return db
      .update(jobs)
      .set({
        thumbnail_key: sql`iif(jobs.thumbnail_key in ${taken}, null, jobs.thumbnail_key)`,
        subtitle_key: sql`iif(jobs.subtitle_key in ${taken}, json_extract(${kept}, '$[0].key'), jobs.subtitle_key)`,
        subtitles: sql`iif(jobs.subtitles is null, null, ${kept})`,
        adjustments: sql`json_insert(jobs.adjustments, '$[#]', json(${adjustment}))`,
        revision: sql`jobs.revision + 1`,
      })
      .where(
        and(
          sameStem("jobs", place),
          ne(jobs.id, jobId),
          or(
            sql`jobs.thumbnail_key in ${taken}`,
            sql`jobs.subtitle_key in ${taken}`,
            sql`exists (select 1 from json_each(jobs.subtitles)
              where json_extract(json_each.value, '$.key') in ${taken})`,
          ),
          guard,
        ),
      );
  };

/** The adjustments of a job that ends, plus one if it took the file of another job ({@link takeFile}). */
export function withReplacement(
  jobId: string,
  place: ObjectPlace,
  adjustments: JobRow["adjustments"],
): SQL<JobRow["adjustments"]> {
  const written = JSON.stringify(adjustments);
  const taken = (what: SQL) => sql`(select ${what} from ${jobs} as taken
    where ${sameStem("taken", place)} and taken.object_key = ${place.key} and taken.file_replaced_by = ${jobId}
    order by taken.finished_at desc limit 1)`;
  const adjustment = sql`json_object('field', 'filename', 'from', null, 'to', ${place.key},
    'reason', 'Replaced the file of job ' || ${taken(sql`taken.id`)} || ', which had the same key')`;
  return sql`iif(exists ${taken(sql`1`)}, json_insert(${written}, '$[#]', ${adjustment}), ${written})`;
}

/** The job that owns the object under a key, if any does. */
export const findOwnerQuery = (db: Db, place: ObjectPlace) =>
  db
    .select({ id: jobs.id })
    .from(jobs)
    .where(and(sameStem("jobs", place), eq(jobs.object_key, place.key), isNull(jobs.file_replaced_by)))
    .limit(1);

/** When files may be touched, in epoch milliseconds. */
export interface ErasureLease {
  readonly now: number;
  readonly until: number;
}

/**
 * Keeps other jobs from writing the files of these jobs until they are deleted.
 *
 * @returns the jobs, without those whose files others are writing or deleting
 */
export const beginErasureQuery = (db: Db, ids: readonly string[], { now, until }: ErasureLease) =>
  db
    .update(jobs)
    .set({ erasing_until: until })
    .where(
      and(
        sql`${jobs.id} in (select value from json_each(${JSON.stringify(ids)}))`,
        sql`${jobs.object_key} is not null and coalesce(${jobs.erasing_until}, 0) <= ${now}`,
        sql`not exists (select 1 from ${jobs} as writing
          where writing.account_id = jobs.account_id and writing.status = 'Processing' and writing.publishing
            and ${WRITTEN_STEM} = jobs.object_stem and writing.storage_place is jobs.storage_place)`,
      ),
    )
    .returning();

/** Allows others to write the keys again, because the files could not be deleted. */
export async function giveUpErasure(db: Db, id: string, until: number): Promise<void> {
  await db
    .update(jobs)
    .set({ erasing_until: null })
    .where(and(eq(jobs.id, id), eq(jobs.erasing_until, until)));
}

/** Records that the files of a job are deleted; watchers see the change. */
export const finishErasureQuery = (db: Db, id: string, until: number) =>
  db
    .update(jobs)
    .set({
      ...{ object_key: null, object_stem: null, subtitle_key: null, thumbnail_key: null, subtitles: null },
      ...{ links: null, links_expire_at: null, erasing_until: null },
      revision: sql`${jobs.revision} + 1`,
    })
    .where(and(eq(jobs.id, id), eq(jobs.erasing_until, until)));

/** {@link finishErasureQuery} on its own. */
export async function finishErasure(db: Db, id: string, until: number): Promise<void> {
  await finishErasureQuery(db, id, until);
}
