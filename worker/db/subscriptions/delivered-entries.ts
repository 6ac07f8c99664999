import { and, asc, desc, eq, isNotNull, isNull, lt, or, sql } from "drizzle-orm";
import { jobs } from "../../../schema/db/tables/jobs.ts";
import { subscriptionEntries } from "../../../schema/db/tables/subscriptions.ts";
import type { Db } from "../connection.ts";
import type { EntryRow } from "./entry-rows.ts";

/** What was delivered: for retention and the podcast feed. */

/** Delivered entries that retention deletes, the oldest first. */
export async function outlivedEntries(
  db: Db,
  subscriptionId: string,
  {
    keepLast,
    deliveredBefore,
    limit,
  }: { keepLast: number | null; deliveredBefore: number | null; limit: number },
): Promise<EntryRow[]> {
  const isDelivered = and(
    eq(subscriptionEntries.subscription_id, subscriptionId),
    isNotNull(subscriptionEntries.delivered_at),
    eq(subscriptionEntries.status, "delivered"),
  );
  const surplus =
    keepLast === null
      ? undefined
      : sql`${subscriptionEntries.id} in (select ${subscriptionEntries.id} from ${subscriptionEntries} where ${isDelivered}
          order by ${subscriptionEntries.position} desc limit -1 offset ${keepLast})`;
  const old = deliveredBefore === null ? undefined : lt(subscriptionEntries.delivered_at, deliveredBefore);
  return db
    .select()
    .from(subscriptionEntries)
    .where(and(isDelivered, or(surplus, old)))
    .orderBy(asc(subscriptionEntries.position))
    .limit(limit);
}

/** The earliest delivery of a subscription whose file is kept. */
export async function oldestDelivery(db: Db, subscriptionId: string): Promise<number | null> {
  const [row] = await db
    .select({ at: sql<number | null>`min(${subscriptionEntries.delivered_at})`.as("at") })
    .from(subscriptionEntries)
    .where(
      and(
        eq(subscriptionEntries.subscription_id, subscriptionId),
        isNotNull(subscriptionEntries.delivered_at),
        eq(subscriptionEntries.status, "delivered"),
      ),
    );
  return row?.at ?? null;
}

export const markErased = (db: Db, id: string, now: number) =>
  db
    .update(subscriptionEntries)
    .set({ status: "erased", updated_at: now })
    .where(and(eq(subscriptionEntries.id, id), eq(subscriptionEntries.status, "delivered")));

/** Delivered entries with their jobs, the newest first, for the podcast feed. */
export const deliveredQuery = (db: Db, subscriptionId: string, limit: number) =>
  db
    .select({
      job_id: subscriptionEntries.job_id,
      title: subscriptionEntries.title,
      description: subscriptionEntries.description,
      published_at: subscriptionEntries.published_at,
      delivered_at: subscriptionEntries.delivered_at,
      episode: subscriptionEntries.episode,
      url: subscriptionEntries.url,
      job_title: jobs.title,
      job_description: jobs.description,
      object_key: jobs.object_key,
      file_size: jobs.file_size,
      duration: jobs.duration,
    })
    .from(subscriptionEntries)
    .innerJoin(jobs, eq(jobs.id, subscriptionEntries.job_id))
    .where(
      and(
        eq(subscriptionEntries.subscription_id, subscriptionId),
        eq(subscriptionEntries.status, "delivered"),
        isNotNull(jobs.object_key),
        isNull(jobs.file_replaced_by),
      ),
    )
    .orderBy(desc(subscriptionEntries.position))
    .limit(limit);

/** The job of an entry of this subscription. */
export async function findEntryJob(db: Db, subscriptionId: string, jobId: string) {
  const [row] = await db
    .select({ job: jobs })
    .from(subscriptionEntries)
    .innerJoin(jobs, eq(jobs.id, subscriptionEntries.job_id))
    .where(
      and(eq(subscriptionEntries.subscription_id, subscriptionId), eq(subscriptionEntries.job_id, jobId)),
    );
  return row?.job;
}
