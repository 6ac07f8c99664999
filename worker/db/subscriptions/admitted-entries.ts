import { and, asc, eq, lte, sql } from "drizzle-orm";
import type { EntryStatus } from "../../../schema/api/subscriptions/subscription.ts";
import { jobs } from "../../../schema/db/tables/jobs.ts";
import { subscriptionEntries, subscriptions } from "../../../schema/db/tables/subscriptions.ts";
import type { Db } from "../connection.ts";
import type { Guard, GuardedStatement } from "../guarded-statements.ts";

/** From an entry that may be admitted to the end of its job. */

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
