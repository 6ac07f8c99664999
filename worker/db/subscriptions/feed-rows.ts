import { and, asc, eq, gt, inArray, isNotNull, lt, lte, ne, type SQL, sql } from "drizzle-orm";
import { feedLeases, feeds, subscriptions } from "../../../schema/db/tables/subscriptions.ts";
import type { Db } from "../connection.ts";

/** Queries for sources that are followed, and for the leases of their hubs. */

export type FeedRow = typeof feeds.$inferSelect;
export type FeedLeaseRow = typeof feedLeases.$inferSelect;

/**
 * What the object of a source needs after a change: its row, the distinct schedules of those who follow it, how many
 * they are, and whether the first entries of any of them were not recorded yet. The row's next check is postponed.
 */
export async function readFeed(db: Db, id: string, checkDueAt: number) {
  const ofFeed = eq(subscriptions.feed_id, id);
  const [[feed], schedules, [counts], [next]] = await db.batch([
    db
      .update(feeds)
      .set({
        check_due_at: sql`iif(exists (select 1 from ${subscriptions} where ${ofFeed} and ${subscriptions.status} = 'active'), ${checkDueAt}, null)`,
      })
      .where(eq(feeds.id, id))
      .returning(),
    db
      .selectDistinct({ schedule: subscriptions.schedule })
      .from(subscriptions)
      .where(and(ofFeed, eq(subscriptions.status, "active"))),
    db
      .select({
        followers: sql<number>`count(*)`.as("followers"),
        unprimed: sql<number>`count(*) filter (where ${subscriptions.primed_at} is null)`.as("unprimed"),
      })
      .from(subscriptions)
      .where(ofFeed),
    db.select({ id: neighbourOf(id) }).from(sql`(select 1)`),
  ]);
  return feed
    ? {
        feed,
        neighbour: next?.id === id ? null : (next?.id ?? null),
        schedules: schedules.map(({ schedule }) => schedule),
        followers: counts?.followers ?? 0,
        unprimed: counts?.unprimed ?? 0,
      }
    : undefined;
}

/** The next source that is followed, in a circle. */
function neighbourOf(id: string): SQL<string | null> {
  const first = (after: SQL) => sql`(select other.id from ${feeds} as other
    where other.check_due_at is not null ${after} order by other.id limit 1)`;
  return sql<string | null>`coalesce(${first(sql`and other.id > ${id}`)}, ${first(sql``)})`;
}

/** Some sources whose objects read the database the longest ago, as far as they are not overdue. */
export const restingFeedsQuery = (db: Db, now: number, limit: number) =>
  db
    .select({ id: feeds.id })
    .from(feeds)
    .where(and(isNotNull(feeds.check_due_at), gt(feeds.check_due_at, now)))
    .orderBy(asc(feeds.check_due_at))
    .limit(limit);

/** Removes a source that nobody follows any more, with its leases. */
export async function deleteFeedIfUnused(db: Db, id: string): Promise<void> {
  const isUnused = sql`not exists (select 1 from ${subscriptions} where ${subscriptions.feed_id} = ${id})`;
  await db.batch([
    db.delete(feeds).where(and(eq(feeds.id, id), isUnused)),
    db.delete(feedLeases).where(and(eq(feedLeases.feed_id, id), isUnused)),
  ]);
}

export const updateFeed = (db: Db, id: string, changes: Partial<FeedRow>) =>
  db.update(feeds).set(changes).where(eq(feeds.id, id));

/** Takes up to `limit` sources whose object was silent for too long, and postpones their next check. */
export const overdueFeedsQuery = (db: Db, now: number, again: number, limit: number) =>
  db
    .update(feeds)
    .set({ check_due_at: again })
    .where(
      inArray(
        feeds.id,
        db
          .select({ id: feeds.id })
          .from(feeds)
          .where(and(isNotNull(feeds.check_due_at), lte(feeds.check_due_at, now)))
          .orderBy(asc(feeds.check_due_at))
          .limit(limit),
      ),
    )
    .returning({ id: feeds.id });

export const insertLease = (db: Db, lease: FeedLeaseRow) => db.insert(feedLeases).values(lease);

export async function findLease(db: Db, id: string): Promise<FeedLeaseRow | undefined> {
  return (await db.select().from(feedLeases).where(eq(feedLeases.id, id)))[0];
}

/** Marks a lease as verified or denied by its hub. */
export const settleLease = (db: Db, id: string, changes: Pick<FeedLeaseRow, "status" | "expires_at">) =>
  db.update(feedLeases).set(changes).where(eq(feedLeases.id, id));

/** Removes leases that ended. */
export const removeLeases = (db: Db, expiredBefore: number) =>
  db.delete(feedLeases).where(lt(feedLeases.expires_at, expiredBefore));

/** Sources whose address was sealed with another key. */
export const feedsToResealQuery = (db: Db, keyId: string, limit: number) =>
  db.select().from(feeds).where(ne(feeds.sealing_key_id, keyId)).limit(limit);

export const replaceFeedUrl = (
  db: Db,
  { id, sealed_url }: Pick<FeedRow, "id" | "sealed_url">,
  changes: Partial<FeedRow>,
) =>
  db
    .update(feeds)
    .set(changes)
    .where(and(eq(feeds.id, id), eq(feeds.sealed_url, sealed_url)));

/** Leases whose secret was sealed with another key. */
export const leasesToResealQuery = (db: Db, keyId: string, limit: number) =>
  db.select().from(feedLeases).where(ne(feedLeases.sealing_key_id, keyId)).limit(limit);

export const replaceLeaseSecret = (
  db: Db,
  { id, sealed_secret }: Pick<FeedLeaseRow, "id" | "sealed_secret">,
  changes: Partial<FeedLeaseRow>,
) =>
  db
    .update(feedLeases)
    .set(changes)
    .where(and(eq(feedLeases.id, id), eq(feedLeases.sealed_secret, sealed_secret)));
