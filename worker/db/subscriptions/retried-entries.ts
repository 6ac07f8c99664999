import { and, eq, isNotNull, type SQL, sql } from "drizzle-orm";
import { jobs } from "../../../schema/db/tables/jobs.ts";
import { subscriptionEntries } from "../../../schema/db/tables/subscriptions.ts";
import type { Db } from "../connection.ts";
import type { JobRow } from "../job-rows.ts";

/** The new job of an entry whose job is retried by its owner. */
interface Retry {
  readonly job: Pick<JobRow, "id" | "url" | "media_url">;
  readonly subscriptionId: string;
  readonly newId: string;
  readonly now: number;
}

/**
 * Links the entry of a job that is retried to the new job, in the batch of statements that stores it: an entry that
 * failed, or one that waits for its next try.
 */
export const relinkEntry =
  ({ job, subscriptionId, newId, now }: Retry) =>
  (db: Db) => {
    const isStored = sql`exists (select 1 from ${jobs} where ${jobs.id} = ${newId})`;
    const relink = (condition: SQL | undefined) =>
      db
        .update(subscriptionEntries)
        .set({ job_id: newId, status: "queued", reason: null, check_at: null, updated_at: now })
        .where(and(condition, isStored));
    // an entry that waits has been given the id of its next job already
    const isSame = and(
      eq(subscriptionEntries.subscription_id, subscriptionId),
      eq(subscriptionEntries.status, "waiting"),
      isNotNull(subscriptionEntries.check_at),
      eq(subscriptionEntries.url, job.url),
      sql`${subscriptionEntries.media_url} is ${job.media_url}`,
    );
    return [
      relink(and(eq(subscriptionEntries.job_id, job.id), eq(subscriptionEntries.status, "failed"))),
      relink(and(isSame, sql`(select count(*) from ${subscriptionEntries} where ${isSame}) = 1`)),
    ];
  };
