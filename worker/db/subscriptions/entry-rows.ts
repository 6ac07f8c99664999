import {
  and,
  asc,
  desc,
  eq,
  getTableColumns,
  isNotNull,
  isNull,
  lt,
  lte,
  ne,
  or,
  type SQL,
  sql,
} from "drizzle-orm";
import type { EntryStatus } from "../../../schema/api/subscriptions/subscription.ts";
import { jobs } from "../../../schema/db/tables/jobs.ts";
import { subscriptionEntries, subscriptions } from "../../../schema/db/tables/subscriptions.ts";
import { jsonPages } from "../../lib/json-pages.ts";
import { firstUuidOf } from "../../lib/uuid.ts";
import type { Db } from "../connection.ts";
import type { Guard, GuardedStatement } from "../guarded-statements.ts";

/** Queries for what is known of the entries of subscriptions. */

export type EntryRow = typeof subscriptionEntries.$inferSelect;
export type NewEntryRow = typeof subscriptionEntries.$inferInsert;

/** An entry as a source lists it, for all who follow the source. */
export type OfferedEntry = Pick<
  EntryRow,
  | "key"
  | "position"
  | "url"
  | "sealed_urls"
  | "sealing_key_id"
  | "media_url"
  | "source_id"
  | "title"
  | "description"
  | "channel"
  | "published_at"
  | "duration"
  | "live"
  | "is_short"
  | "reason"
> & {
  /** It came back into view at the end of the list: older than what was listed there before. */
  readonly is_tail: boolean;
};

/** The same with the status that it begins with, for one subscription. */
export type PrimedEntry = OfferedEntry & { readonly status: EntryStatus };

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

/** Entries that may be admitted now, the oldest first; how many have an unfinished job; and when the next waiting one is due. */
export async function readAdmission(db: Db, subscriptionId: string, now: number, limit: number) {
  const own = eq(subscriptionEntries.subscription_id, subscriptionId);
  const [fresh, waiting, [flight], [next]] = await db.batch([
    db
      .select()
      .from(subscriptionEntries)
      .where(and(own, eq(subscriptionEntries.status, "new")))
      .orderBy(asc(subscriptionEntries.position), asc(subscriptionEntries.id))
      .limit(limit + 1),
    db
      .select()
      .from(subscriptionEntries)
      .where(and(own, eq(subscriptionEntries.status, "waiting"), lte(subscriptionEntries.check_at, now)))
      .orderBy(asc(subscriptionEntries.position))
      .limit(limit),
    db
      .select({ queued: sql<number>`count(*)`.as("queued") })
      .from(subscriptionEntries)
      .where(and(own, eq(subscriptionEntries.status, "queued"))),
    db
      .select({ check_at: sql<number | null>`min(${subscriptionEntries.check_at})`.as("check_at") })
      .from(subscriptionEntries)
      .where(
        and(own, eq(subscriptionEntries.status, "waiting"), sql`${subscriptionEntries.check_at} > ${now}`),
      ),
  ]);
  return { fresh, waiting, queued: flight?.queued ?? 0, nextCheckAt: next?.check_at ?? null };
}

/** Which of these names other entries of a subscription have. */
export async function takenNames(
  db: Db,
  subscriptionId: string,
  names: readonly string[],
): Promise<string[]> {
  const rows = await db
    .select({ name_key: subscriptionEntries.name_key })
    .from(subscriptionEntries)
    .where(
      and(
        eq(subscriptionEntries.subscription_id, subscriptionId),
        sql`${subscriptionEntries.name_key} in (select value from json_each(${JSON.stringify(names)}))`,
      ),
    );
  return rows.flatMap(({ name_key }) => name_key ?? []);
}

/** A decision on an entry that gets no job now. */
export interface Decision {
  readonly id: string;
  readonly status: EntryStatus;
  readonly reason: string | null;
  readonly check_at: number | null;
}

/** Writes decisions on entries; one that changed meanwhile is left alone. */
export const decideEntries = (db: Db, decisions: readonly Decision[], now: number) =>
  db
    .update(subscriptionEntries)
    .set({
      status: sql`json_extract(decision.value, '$.status')`,
      reason: sql`json_extract(decision.value, '$.reason')`,
      check_at: sql`json_extract(decision.value, '$.check_at')`,
      updated_at: now,
    })
    .from(sql`json_each(${JSON.stringify(decisions)}) as decision`)
    .where(
      sql`${subscriptionEntries.id} = json_extract(decision.value, '$.id') and ${subscriptionEntries.status} in ('new', 'waiting')`,
    );

/** An entry whose job is stored by the same batch of statements. */
export interface Admission {
  readonly id: string;
  readonly job_id: string;
  readonly name_key: string | null;
  readonly episode: number;
}

/** A condition for a job: its entry still waits for it. */
export const entryIsOpen: Guard = (jobId) =>
  sql`exists (select 1 from ${subscriptionEntries} where ${subscriptionEntries.job_id} = ${jobId}
    and ${subscriptionEntries.status} in ('new', 'waiting'))`;

/** Links entries to their jobs, in the batch of statements that stores the jobs, after them. */
export const admitEntries =
  (subscriptionId: string, admissions: readonly Admission[], now: number) => (db: Db) => [
    db
      .update(subscriptionEntries)
      .set({
        status: "queued",
        reason: null,
        check_at: null,
        sealed_urls: null,
        sealing_key_id: null,
        name_key: sql`json_extract(admission.value, '$.name_key')`,
        episode: sql`json_extract(admission.value, '$.episode')`,
        updated_at: now,
      })
      .from(sql`json_each(${JSON.stringify(admissions)}) as admission`)
      .where(
        sql`${subscriptionEntries.id} = json_extract(admission.value, '$.id')
          and ${subscriptionEntries.job_id} = json_extract(admission.value, '$.job_id')
          and ${subscriptionEntries.status} in ('new', 'waiting')
          and exists (select 1 from ${jobs} where ${jobs.id} = ${subscriptionEntries.job_id})`,
      ),
    db
      .update(subscriptions)
      .set({
        episodes: sql`max(${subscriptions.episodes}, (select coalesce(max(${subscriptionEntries.episode}), 0) from ${subscriptionEntries}
          where ${subscriptionEntries.subscription_id} = ${subscriptionId} and ${subscriptionEntries.job_id} in
            (select json_extract(value, '$.job_id') from json_each(${JSON.stringify(admissions)}))))`,
      })
      .where(eq(subscriptions.id, subscriptionId)),
  ];

/** How the entry of a job that ended goes on. */
export interface EntryEnd {
  readonly jobId: string;
  readonly subscriptionId: string;
  readonly status: Extract<EntryStatus, "delivered" | "failed">;
  readonly reason: string | null;
  /** For a source that may still deliver: with which job it is tried again, how often at most, and after how long. */
  readonly again: {
    readonly jobId: string;
    readonly maxTries: number;
    /** Delay before the first further try, in milliseconds; doubled each time, up to the longest. */
    readonly firstMs: number;
    readonly longestMs: number;
  } | null;
  readonly now: number;
}

/** Records the end of an entry's job, in the batch of statements that ends the job. */
export const settleEntry =
  ({ jobId, status, reason, again, now }: EntryEnd): GuardedStatement =>
  (db, guard) => {
    const ofJob = and(eq(subscriptionEntries.job_id, jobId), eq(subscriptionEntries.status, "queued"), guard);
    if (!again) {
      return db
        .update(subscriptionEntries)
        .set({ status, reason, delivered_at: status === "delivered" ? now : null, updated_at: now })
        .where(ofJob);
    }
    const mayTry = sql`${subscriptionEntries.tries} < ${again.maxTries}`;
    return db
      .update(subscriptionEntries)
      .set({
        status: sql`iif(${mayTry}, 'waiting', ${status})`,
        reason,
        check_at: sql`iif(${mayTry}, ${now} + min(${again.longestMs}, ${again.firstMs} * (1 << ${subscriptionEntries.tries})), null)`,
        job_id: sql`iif(${mayTry}, ${again.jobId}, ${subscriptionEntries.job_id})`,
        tries: sql`${subscriptionEntries.tries} + 1`,
        updated_at: now,
      })
      .where(ofJob);
  };

/** What the subscription of a job that ended has to do next: admit further entries, try again, or look at its retention. */
export const noteEntryEnd =
  ({ subscriptionId, status, again, now }: EntryEnd): GuardedStatement =>
  (db, guard) => {
    const dueAt = now + (again?.firstMs ?? 0);
    return db
      .update(subscriptions)
      .set({
        admit_due_at: again
          ? sql`min(coalesce(${subscriptions.admit_due_at}, ${dueAt}), ${dueAt})`
          : sql`iif(${subscriptions.admit_due_at} is null, null, min(${subscriptions.admit_due_at}, ${now}))`,
        ...(status === "delivered" && {
          sweep_due_at: sql`iif(json_extract(${subscriptions.retention}, '$.keep_last') is null, ${subscriptions.sweep_due_at}, ${now})`,
        }),
      })
      .where(and(eq(subscriptions.id, subscriptionId), guard));
  };

/** A page of a subscription's entries, newest first. */
export const entryPageQuery = (
  db: Db,
  subscriptionId: string,
  { status, cursor, limit }: { status?: EntryStatus | undefined; cursor?: string | undefined; limit: number },
) =>
  db
    .select()
    .from(subscriptionEntries)
    .where(
      and(
        eq(subscriptionEntries.subscription_id, subscriptionId),
        status === undefined ? undefined : eq(subscriptionEntries.status, status),
        cursor === undefined ? undefined : lt(subscriptionEntries.id, cursor),
      ),
    )
    .orderBy(desc(subscriptionEntries.id))
    .limit(limit);

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

/** Entries whose address was sealed with another key. */
export const entriesToResealQuery = (db: Db, keyId: string, limit: number) =>
  db
    .select({
      id: subscriptionEntries.id,
      sealed_urls: subscriptionEntries.sealed_urls,
      feed_id: subscriptions.feed_id,
    })
    .from(subscriptionEntries)
    .innerJoin(subscriptions, eq(subscriptions.id, subscriptionEntries.subscription_id))
    .where(and(isNotNull(subscriptionEntries.sealing_key_id), ne(subscriptionEntries.sealing_key_id, keyId)))
    .limit(limit);

export const replaceEntryUrls = (
  db: Db,
  { id, sealed_urls }: { id: string; sealed_urls: string | null },
  changes: Pick<NewEntryRow, "sealed_urls" | "sealing_key_id">,
) =>
  db
    .update(subscriptionEntries)
    .set(changes)
    .where(and(eq(subscriptionEntries.id, id), sql`${subscriptionEntries.sealed_urls} is ${sealed_urls}`));
