import { and, asc, desc, eq, inArray, isNotNull, isNull, lt, lte, ne, sql } from "drizzle-orm";
import { accounts } from "../../../schema/db/tables/accounts.ts";
import { feeds, subscriptionEntries, subscriptions } from "../../../schema/db/tables/subscriptions.ts";
import type { Db } from "../connection.ts";
import { rowValues } from "../fragments.ts";

/** Queries for subscriptions. What follows a source is in `feed-rows.ts`, what is known of entries in `*-entries.ts`. */

export type SubscriptionRow = typeof subscriptions.$inferSelect;
export type NewSubscriptionRow = typeof subscriptions.$inferInsert;
type NewFeedRow = typeof feeds.$inferInsert;

interface Creation {
  /** Inserted if the source has no row yet. */
  readonly feed: NewFeedRow;
  /** Its `feed_id` is replaced by that of the source's row. */
  readonly subscription: NewSubscriptionRow;
  /** Most subscriptions that the account may have. */
  readonly limit: number;
  /** Reconcile wakes the source's object after this. */
  readonly checkDueAt: number;
}

/**
 * Stores a subscription, and its source if nobody follows it yet. Does nothing if the subscription exists already.
 *
 * @returns the id of its source; null if the account has too many subscriptions
 */
export async function insertSubscription(
  db: Db,
  { feed, subscription, limit, checkDueAt }: Creation,
): Promise<string | null> {
  const feedId = sql`(select ${feeds.id} from ${feeds} where ${feeds.url_tag} = ${feed.url_tag})`;
  const row = { ...subscription, feed_id: feedId };
  const [, , , [stored]] = await db.batch([
    db.insert(feeds).values(feed).onConflictDoNothing(),
    db
      .insert(subscriptions)
      .select(
        sql`select ${rowValues(subscriptions, row)} where
          (select count(*) from ${subscriptions} where ${subscriptions.account_id} = ${subscription.account_id}) < ${limit}`,
      )
      .onConflictDoNothing(),
    db
      .update(feeds)
      .set({ check_due_at: sql`min(coalesce(${feeds.check_due_at}, ${checkDueAt}), ${checkDueAt})` })
      .where(eq(feeds.url_tag, feed.url_tag)),
    db
      .select({ feed_id: subscriptions.feed_id })
      .from(subscriptions)
      .where(eq(subscriptions.id, subscription.id)),
  ]);
  return stored?.feed_id ?? null;
}

export async function findSubscription(db: Db, id: string): Promise<SubscriptionRow | undefined> {
  return (await db.select().from(subscriptions).where(eq(subscriptions.id, id)))[0];
}

/** A subscription of this account. */
export async function findSubscriptionOf(
  db: Db,
  accountId: string,
  id: string,
): Promise<SubscriptionRow | undefined> {
  const row = await findSubscription(db, id);
  return row?.account_id === accountId ? row : undefined;
}

/** A subscription with its source and the number of its entries by status. */
export async function readSubscription(db: Db, accountId: string, id: string) {
  const [[subscription], [feed], counts] = await db.batch([
    db.select().from(subscriptions).where(eq(subscriptions.id, id)),
    db
      .select()
      .from(feeds)
      .where(
        sql`${feeds.id} = (select ${subscriptions.feed_id} from ${subscriptions} where ${subscriptions.id} = ${id})`,
      ),
    db
      .select({ status: subscriptionEntries.status, entries: sql<number>`count(*)`.as("entries") })
      .from(subscriptionEntries)
      .where(eq(subscriptionEntries.subscription_id, id))
      .groupBy(subscriptionEntries.status),
  ]);
  return subscription?.account_id === accountId && feed ? { subscription, feed, counts } : undefined;
}

/** A page of an account's subscriptions with the facts of their sources, newest first. */
export const subscriptionPageQuery = (
  db: Db,
  accountId: string,
  {
    status,
    cursor,
    limit,
  }: { status?: SubscriptionRow["status"] | undefined; cursor?: string | undefined; limit: number },
) =>
  db
    .select({
      id: subscriptions.id,
      subscription: subscriptions,
      feed: { title: feeds.title, failing_since: feeds.failing_since, last_error: feeds.last_error },
    })
    .from(subscriptions)
    .innerJoin(feeds, eq(feeds.id, subscriptions.feed_id))
    .where(
      and(
        eq(subscriptions.account_id, accountId),
        status === undefined ? undefined : eq(subscriptions.status, status),
        cursor === undefined ? undefined : lt(subscriptions.id, cursor),
      ),
    )
    .orderBy(desc(subscriptions.id))
    .limit(limit);

/**
 * Changes a subscription, and makes reconcile wake the source's object if the call that does so is lost.
 *
 * @returns undefined if it is not this account's
 */
export async function updateSubscription(
  db: Db,
  accountId: string,
  id: string,
  changes: Partial<NewSubscriptionRow>,
  checkDueAt: number,
): Promise<SubscriptionRow | undefined> {
  const isOwn = and(eq(subscriptions.id, id), eq(subscriptions.account_id, accountId));
  const [[changed]] = await db.batch([
    db.update(subscriptions).set(changes).where(isOwn).returning(),
    dueQuery(db, id, checkDueAt),
  ]);
  return changed;
}

const dueQuery = (db: Db, subscriptionId: string, checkDueAt: number) =>
  db
    .update(feeds)
    .set({ check_due_at: sql`min(coalesce(${feeds.check_due_at}, ${checkDueAt}), ${checkDueAt})` })
    .where(
      sql`${feeds.id} = (select ${subscriptions.feed_id} from ${subscriptions} where ${subscriptions.id} = ${subscriptionId})`,
    );

/** Deletes a subscription and what is known of its entries. @returns undefined if it is not this account's */
export async function deleteSubscription(
  db: Db,
  accountId: string,
  id: string,
  checkDueAt: number,
): Promise<SubscriptionRow | undefined> {
  const isOwn = and(eq(subscriptions.id, id), eq(subscriptions.account_id, accountId));
  const [, , [removed]] = await db.batch([
    dueQuery(db, id, checkDueAt),
    db
      .delete(subscriptionEntries)
      .where(
        and(
          eq(subscriptionEntries.subscription_id, id),
          sql`exists (select 1 from ${subscriptions} where ${isOwn})`,
        ),
      ),
    db.delete(subscriptions).where(isOwn).returning(),
  ]);
  return removed;
}

/** Removes all entries, so that the backfill applies again. @returns how many were removed */
export async function removeEntries(
  db: Db,
  { id, now, checkDueAt }: { id: string; now: number; checkDueAt: number },
): Promise<number> {
  const [removed] = await db.batch([
    db
      .delete(subscriptionEntries)
      .where(eq(subscriptionEntries.subscription_id, id))
      .returning({ id: subscriptionEntries.id }),
    db
      .update(subscriptions)
      .set({ primed_at: null, admit_due_at: null, updated_at: now })
      .where(eq(subscriptions.id, id)),
    dueQuery(db, id, checkDueAt),
  ]);
  return removed.length;
}

/** Subscriptions of a source whose first entries were not recorded yet. */
export const unprimedQuery = (db: Db, feedId: string, limit: number) =>
  db
    .select()
    .from(subscriptions)
    .where(and(eq(subscriptions.feed_id, feedId), isNull(subscriptions.primed_at)))
    .limit(limit);

/**
 * Takes up to `limit` active subscriptions that have entries to admit, and postpones each until `until`; if the Worker
 * dies meanwhile, they are taken again after that.
 */
export const takeAdmissionsQuery = (db: Db, now: number, until: number, limit: number) =>
  db
    .update(subscriptions)
    .set({ admit_due_at: until })
    .where(
      inArray(
        subscriptions.id,
        db
          .select({ id: subscriptions.id })
          .from(subscriptions)
          .where(
            and(
              isNotNull(subscriptions.admit_due_at),
              lte(subscriptions.admit_due_at, now),
              eq(subscriptions.status, "active"),
            ),
          )
          .orderBy(asc(subscriptions.admit_due_at))
          .limit(limit),
      ),
    )
    .returning();

/** Ends an admission, unless further entries have arrived meanwhile. @param claimed until when it was taken */
export const endAdmission = (
  db: Db,
  {
    id,
    claimed,
    next,
    error,
    now,
  }: { id: string; claimed: number; next: number | null; error: string | null; now: number },
) =>
  db.batch([
    db
      .update(subscriptions)
      .set({ admit_due_at: next })
      .where(and(eq(subscriptions.id, id), eq(subscriptions.admit_due_at, claimed))),
    db
      .update(subscriptions)
      .set({ last_error: error, updated_at: now })
      .where(and(eq(subscriptions.id, id), sql`${subscriptions.last_error} is not ${error}`)),
  ]);

/** The owners of subscriptions, with their present limits. */
export const ownersQuery = (db: Db, ids: readonly string[]) =>
  db
    .select({
      id: accounts.id,
      source: accounts.source,
      limits: accounts.limits,
      disabled_at: accounts.disabled_at,
    })
    .from(accounts)
    .where(sql`${accounts.id} in (select value from json_each(${JSON.stringify(ids)}))`);

/** Takes up to `limit` subscriptions whose oldest files are to be looked for, and postpones each until `until`. */
export const takeSweepsQuery = (db: Db, now: number, until: number, limit: number) =>
  db
    .update(subscriptions)
    .set({ sweep_due_at: until })
    .where(
      inArray(
        subscriptions.id,
        db
          .select({ id: subscriptions.id })
          .from(subscriptions)
          .where(and(isNotNull(subscriptions.sweep_due_at), lte(subscriptions.sweep_due_at, now)))
          .orderBy(asc(subscriptions.sweep_due_at))
          .limit(limit),
      ),
    )
    .returning();

/** Sets when the files of a subscription are looked at again, unless one was delivered meanwhile. */
export const endSweep = (
  db: Db,
  { id, claimed, next }: { id: string; claimed: number; next: number | null },
) =>
  db
    .update(subscriptions)
    .set({ sweep_due_at: next })
    .where(and(eq(subscriptions.id, id), eq(subscriptions.sweep_due_at, claimed)));

/** Subscriptions of a source that do not know yet that it fails, or that it works again. */
export const unnotifiedQuery = (db: Db, feedId: string, isFailing: boolean, limit: number) =>
  db
    .select()
    .from(subscriptions)
    .where(
      and(
        eq(subscriptions.feed_id, feedId),
        eq(subscriptions.status, "active"),
        isFailing ? isNull(subscriptions.failing_since) : isNotNull(subscriptions.failing_since),
      ),
    )
    .limit(limit);

/** Subscriptions whose secrets were sealed with another key. */
export const subscriptionsToResealQuery = (db: Db, keyId: string, limit: number) =>
  db.select().from(subscriptions).where(ne(subscriptions.sealing_key_id, keyId)).limit(limit);

export const replaceSubscriptionSecrets = (
  db: Db,
  { id, sealed }: Pick<SubscriptionRow, "id" | "sealed">,
  changes: Pick<NewSubscriptionRow, "sealed" | "sealed_webhook_url" | "sealing_key_id">,
) =>
  db
    .update(subscriptions)
    .set(changes)
    .where(and(eq(subscriptions.id, id), eq(subscriptions.sealed, sealed)));
