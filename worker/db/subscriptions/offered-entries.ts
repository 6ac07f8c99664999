import { and, eq, getTableColumns, isNotNull, isNull, type SQL, sql } from "drizzle-orm";
import { subscriptionEntries, subscriptions } from "../../../schema/db/tables/subscriptions.ts";
import { jsonPages } from "../../lib/json-pages.ts";
import { firstUuidOf } from "../../lib/uuid.ts";
import type { Db } from "../connection.ts";
import type { OfferedEntry, PrimedEntry } from "./entry-rows.ts";

/** Writes what sources list, once for each subscription and entry. */

/** A random UUID of version 7, made by the database for each row. @param now epoch milliseconds */
const newUuid = (now: number): SQL => {
  const prefix = firstUuidOf(now).slice(0, 13);
  return sql`${prefix} || '-7' || substr(lower(hex(randomblob(2))), 2) || '-' || substr('89ab', 1 + (random() & 3), 1)
    || substr(lower(hex(randomblob(2))), 2) || '-' || lower(hex(randomblob(6)))`;
};

const offered = (name: string): SQL => sql`json_extract(entry.value, ${sql.raw(`'$.${name}'`)})`;

function offerInsert(
  db: Db,
  entries: readonly object[],
  { status, condition, now }: { status: SQL; condition: SQL; now: number },
) {
  const own: Record<string, SQL> = {
    id: newUuid(now),
    job_id: newUuid(now),
    subscription_id: sql`${subscriptions.id}`,
    account_id: sql`${subscriptions.account_id}`,
    status,
    tries: sql`0`,
    created_at: sql`${now}`,
    updated_at: sql`${now}`,
  };
  const given = ["check_at", "name_key", "episode", "delivered_at"];
  const values = Object.keys(getTableColumns(subscriptionEntries)).map(
    (name) => own[name] ?? (given.includes(name) ? sql`null` : offered(name)),
  );
  const waits = sql`${subscriptionEntries.status} in ('new', 'waiting') and ${subscriptionEntries.check_at} is null and ${subscriptionEntries.tries} = 0`;
  const excluded = (name: string) => sql.raw(`excluded.${name}`);
  return db
    .insert(subscriptionEntries)
    .select(
      sql`select ${sql.join(values, sql`, `)} from json_each(${JSON.stringify(entries)}) as entry, ${subscriptions}
        where ${condition}`,
    )
    .onConflictDoUpdate({
      target: [subscriptionEntries.subscription_id, subscriptionEntries.key],
      // what was scheduled, live or private may have changed
      set: {
        status: "new",
        reason: excluded("reason"),
        live: excluded("live"),
        title: excluded("title"),
        duration: excluded("duration"),
        published_at: excluded("published_at"),
        updated_at: now,
      },
      setWhere: sql`${waits} and ${subscriptionEntries.reason} is not excluded.reason`,
    });
}

/**
 * Offers entries to all subscriptions of a source whose first entries were recorded: with one statement for any number of
 * them. What a subscription already knows stays as it is, unless it waits for a change of the source.
 */
export async function offerEntries(
  db: Db,
  feedId: string,
  entries: readonly OfferedEntry[],
  { now, maxBytes }: { now: number; maxBytes: number },
): Promise<void> {
  const isFollower = and(eq(subscriptions.feed_id, feedId), isNotNull(subscriptions.primed_at)) as SQL;
  const status = sql`iif(${offered("is_tail")} = 1 and ${offered("published_at")} < ${subscriptions.created_at}, 'seen', 'new')`;
  for (const page of jsonPages(entries.map(packed), maxBytes)) {
    await db.batch([
      offerInsert(db, page, { status, condition: isFollower, now }),
      db
        .update(subscriptions)
        .set({ admit_due_at: sql`min(coalesce(${subscriptions.admit_due_at}, ${now}), ${now})` })
        .where(isFollower),
    ]);
  }
}

/** Records the entries that a source has when a subscription begins; the last page marks it as begun. */
export async function primeSubscription(
  db: Db,
  subscriptionId: string,
  entries: readonly PrimedEntry[],
  now: number,
): Promise<void> {
  const isUnprimed = and(eq(subscriptions.id, subscriptionId), isNull(subscriptions.primed_at)) as SQL;
  const pages = jsonPages(entries.map(packed));
  const admits = entries.some(({ status }) => status === "new");
  for (const page of pages.slice(0, -1)) await primePage(db, page, isUnprimed, now);
  await db.batch([
    primePage(db, pages.at(-1) ?? [], isUnprimed, now),
    db
      .update(subscriptions)
      .set({ primed_at: now, admit_due_at: admits ? now : sql`${subscriptions.admit_due_at}` })
      .where(isUnprimed),
  ]);
}

const primePage = (db: Db, page: readonly object[], condition: SQL, now: number) =>
  offerInsert(db, page, { status: offered("status"), condition, now });

const packed = <T extends OfferedEntry>({ is_short, is_tail, ...entry }: T) => ({
  ...entry,
  is_short: is_short === null ? null : Number(is_short),
  is_tail: Number(is_tail),
});

/** Entries that waited for a change of the source and are gone from it. */
export async function withdrawEntries(
  db: Db,
  feedId: string,
  keys: readonly string[],
  now: number,
): Promise<void> {
  if (keys.length === 0) return;
  const ofFeed = eq(subscriptions.feed_id, feedId);
  await db.batch([
    db
      .update(subscriptionEntries)
      .set({ status: "new", reason: "removed", updated_at: now })
      .where(
        and(
          sql`${subscriptionEntries.subscription_id} in (select ${subscriptions.id} from ${subscriptions} where ${ofFeed})`,
          sql`${subscriptionEntries.key} in (select value from json_each(${JSON.stringify(keys)}))`,
          sql`${subscriptionEntries.status} = 'waiting'`,
          isNull(subscriptionEntries.check_at),
        ),
      ),
    db
      .update(subscriptions)
      .set({ admit_due_at: sql`min(coalesce(${subscriptions.admit_due_at}, ${now}), ${now})` })
      .where(and(ofFeed, isNotNull(subscriptions.primed_at))),
  ]);
}
