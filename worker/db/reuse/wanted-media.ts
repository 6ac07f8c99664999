import { type Placeholder, sql } from "drizzle-orm";
import { jobs } from "../../../schema/db/tables/jobs.ts";
import { jobMedia } from "../../../schema/db/tables/reuse.ts";
import type { Db } from "../connection.ts";

/**
 * Which jobs of an account deliver the same media by the same plan. Every query here names the account: nothing about
 * the jobs of another one can be found.
 */

type MediaRow = typeof jobMedia.$inferSelect;

/** What a new job fetches; stored together with the job. */
export interface WantedMedia extends Pick<MediaRow, "account_id" | "source" | "variant" | "job_id"> {}

/**
 * Stores what new jobs fetch, for those that are stored themselves. Belongs into the statements that store them.
 *
 * @param wanted JSON of {@link WantedMedia}
 */
export const insertMedia = (db: Db, wanted: string | Placeholder) =>
  db
    .insert(jobMedia)
    .select(
      sql`select json_extract(wanted.value, '$.account_id'), json_extract(wanted.value, '$.source'), json_extract(wanted.value, '$.variant'),
        json_extract(wanted.value, '$.job_id'), 'address', null, null, null, null
      from json_each(${wanted}) as wanted
      where exists (select 1 from ${jobs} as stored
        where stored.id = json_extract(wanted.value, '$.job_id')
          and stored.account_id = json_extract(wanted.value, '$.account_id'))`,
    )
    .onConflictDoNothing();
