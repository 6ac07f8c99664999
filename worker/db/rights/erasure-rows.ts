import { and, desc, eq, inArray, isNotNull, isNull, lt, lte, type SQL, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import { accounts, apiKeys } from "../../../schema/db/tables/accounts.ts";
import { jobCredentials, jobMetadata, jobs } from "../../../schema/db/tables/jobs.ts";
import { jobMedia } from "../../../schema/db/tables/reuse.ts";
import { erasures } from "../../../schema/db/tables/rights.ts";
import { storageBackoff } from "../../../schema/db/tables/sources.ts";
import { feeds, subscriptions } from "../../../schema/db/tables/subscriptions.ts";
import { type AuditRow, insertAudit } from "../audit-rows.ts";
import type { Db } from "../connection.ts";
import { ACCOUNT_TABLES, KEPT_TABLES } from "./account-tables.ts";

/** Erasures of accounts: their progress, and what each step removes. Counts are written with what they count. */

export type ErasureRow = typeof erasures.$inferSelect;

/** Begins an erasure, unless one of the account is under way: the account is disabled, and its keys are revoked. */
export async function beginErasure(
  db: Db,
  row: typeof erasures.$inferInsert & { readonly account_id: string },
  audit: AuditRow,
): Promise<ErasureRow | undefined> {
  const { account_id: accountId, requested_at: now } = row;
  const ofAccount = eq(erasures.account_id, accountId);
  const isNew = sql`not exists (select 1 from ${erasures} where ${ofAccount})
    and exists (select 1 from ${accounts} where ${accounts.id} = ${accountId})`;
  const { id, own_storage, phase, work_due_at } = row;
  const [, , , , [stored]] = await db.batch([
    insertAudit(db, audit, isNew),
    db.insert(erasures).select(
      sql`select ${id}, ${accountId}, ${own_storage ? 1 : 0}, ${phase}, '{}', '{}', null, ${now}, null, ${work_due_at ?? now}
        where ${isNew}`,
    ),
    db
      .update(accounts)
      .set({ disabled_at: sql`coalesce(${accounts.disabled_at}, ${now})` })
      .where(eq(accounts.id, accountId)),
    db
      .update(apiKeys)
      .set({ revoked_at: sql`coalesce(${apiKeys.revoked_at}, ${now})` })
      .where(eq(apiKeys.account_id, accountId)),
    db.select().from(erasures).where(ofAccount),
  ]);
  return stored;
}

export async function findErasure(db: Db, id: string): Promise<ErasureRow | undefined> {
  return (await db.select().from(erasures).where(eq(erasures.id, id)))[0];
}

/** Erasures after a cursor, newest first. */
export const erasurePageQuery = (db: Db, cursor: string | undefined, limit: number) =>
  db
    .select()
    .from(erasures)
    .where(cursor === undefined ? undefined : lt(erasures.id, cursor))
    .orderBy(desc(erasures.id))
    .limit(limit);

/** Takes erasures that are due, so that nobody else works on them until a time. */
export const takeDueErasures = (db: Db, now: number, until: number, limit: number) =>
  db
    .update(erasures)
    .set({ work_due_at: until })
    .where(
      inArray(
        erasures.id,
        db
          .select({ id: erasures.id })
          .from(erasures)
          .where(and(isNotNull(erasures.work_due_at), lte(erasures.work_due_at, now)))
          .orderBy(erasures.work_due_at)
          .limit(limit),
      ),
    )
    .returning();

export const updateErasure = (
  db: Db,
  id: string,
  changes: Pick<Partial<ErasureRow>, "phase" | "last_error" | "work_due_at">,
) => db.update(erasures).set(changes).where(eq(erasures.id, id));

/** Adds to the counts of an erasure; the numbers may be computed by the database. */
function countMore(
  db: Db,
  id: string,
  column: "counts" | "kept",
  numbers: Readonly<Record<string, number | SQL>>,
): BatchItem<"sqlite">[] {
  const changes = Object.entries(numbers).filter(([, number]) => number !== 0);
  if (changes.length === 0) return [];
  const counted = changes.reduce<SQL>((json, [kind, number]) => {
    const path = `$.${kind}`;
    return sql`json_set(${json}, ${path}, coalesce(json_extract(${erasures[column]}, ${path}), 0) + ${number})`;
  }, sql`${erasures[column]}`);
  return [
    db
      .update(erasures)
      .set({ [column]: counted })
      .where(eq(erasures.id, id)),
  ];
}

/** Jobs of an account that have not ended. */
export const unfinishedJobsQuery = (db: Db, accountId: string, limit: number) =>
  db
    .select()
    .from(jobs)
    .where(and(eq(jobs.account_id, accountId), isNull(jobs.finished_at)))
    .limit(limit);

/** Ended jobs of an account after an id. */
export const endedJobsQuery = (db: Db, accountId: string, after: string, limit: number) =>
  db
    .select()
    .from(jobs)
    .where(and(eq(jobs.account_id, accountId), sql`${jobs.id} > ${after}`, isNotNull(jobs.finished_at)))
    .orderBy(jobs.id)
    .limit(limit);

/** The files of jobs that are removed: how many objects were deleted, and which were kept. */
export interface RemovedFiles {
  readonly objects: number;
  readonly kept: Readonly<Record<string, number>>;
}

/** Removes ended jobs with everything that only they refer to. */
export async function eraseJobs(
  db: Db,
  erasureId: string,
  ids: readonly string[],
  { objects, kept }: RemovedFiles,
): Promise<void> {
  const own = sql`(select value from json_each(${JSON.stringify(ids)}))`;
  const places = sql`(select ${jobs.storage_provider} || ' ' || ${jobs.storage_place} from ${jobs}
    where ${jobs.id} in ${own} and ${jobs.storage_place} is not null)`;
  const count = (table: SQL, condition: SQL) => sql`(select count(*) from ${table} where ${condition})`;
  const counted = countMore(db, erasureId, "counts", {
    objects,
    jobs: count(sql`${jobs}`, sql`${jobs.id} in ${own}`),
    job_metadata: count(sql`${jobMetadata}`, sql`${jobMetadata.job_id} in ${own}`),
    job_media: count(sql`${jobMedia}`, sql`${jobMedia.job_id} in ${own}`),
    job_credentials: count(sql`${jobCredentials}`, sql`${jobCredentials.job_id} in ${own}`),
    storage_pauses: count(sql`${storageBackoff}`, sql`${storageBackoff.place} in ${places}`),
  });
  const statements = [
    ...counted,
    ...countMore(db, erasureId, "kept", kept),
    db.delete(storageBackoff).where(sql`${storageBackoff.place} in ${places}`),
    db.delete(jobMedia).where(sql`${jobMedia.job_id} in ${own}`),
    db.delete(jobCredentials).where(sql`${jobCredentials.job_id} in ${own}`),
    db.delete(jobs).where(sql`${jobs.id} in ${own}`),
  ];
  await db.batch(statements as unknown as [BatchItem<"sqlite">]);
}

/** Counts objects that were deleted. */
export async function countObjects(db: Db, erasureId: string, objects: number): Promise<void> {
  const [counted] = countMore(db, erasureId, "counts", { objects });
  if (counted) await db.batch([counted] as [BatchItem<"sqlite">]);
}

/** Removes a page of the rows of an account from one table, and counts them. @returns how many */
export async function erasePage(
  db: Db,
  { id, account_id }: ErasureRow,
  name: keyof typeof ACCOUNT_TABLES,
  limit: number,
): Promise<number> {
  const { table, owner, kind } = ACCOUNT_TABLES[name];
  const page = sql`(select rowid from ${table} where ${owner} = ${account_id} limit ${limit})`;
  const removed = db.delete(table).where(sql`rowid in ${page}`).returning({ owner });
  const counted = countMore(db, id, "counts", { [kind]: sql`(select count(*) from ${page})` });
  const results = await db.batch([...counted, removed] as unknown as [typeof removed]);
  return (results.at(-1) as unknown[]).length;
}

/** Replaces the account's id, and removes names and details, in a page of what is kept. @returns how many rows */
export async function pseudonymisePage(
  db: Db,
  { id, account_id }: ErasureRow,
  name: keyof typeof KEPT_TABLES,
  limit: number,
): Promise<number> {
  const { table, owner, kind, without } = KEPT_TABLES[name];
  const page = sql`(select rowid from ${table} where ${owner} = ${account_id} limit ${limit})`;
  const changed = db
    .update(table)
    .set({ account_id: id, ...without } as never)
    .where(sql`rowid in ${page}`)
    .returning({ owner });
  const counted = countMore(db, id, "kept", { [kind]: sql`(select count(*) from ${page})` });
  const results = await db.batch([...counted, changed] as unknown as [typeof changed]);
  return (results.at(-1) as unknown[]).length;
}

/** How many rows of an account are left, apart from the account itself. */
export async function rowsLeft(db: Db, accountId: string): Promise<number> {
  const tables = [...Object.values(ACCOUNT_TABLES), ...Object.values(KEPT_TABLES)];
  const counts = tables.map(
    ({ table, owner }) => sql`(select count(*) from ${table} where ${owner} = ${accountId})`,
  );
  const sum = sql.join(counts, sql` + `);
  const [left] = await db.all<{ left: number }>(sql`select ${sum} as left`);
  return left?.left ?? 0;
}

/** Sources that nobody follows any more. */
export async function unusedFeeds(db: Db, limit: number): Promise<string[]> {
  const found = await db
    .select({ id: feeds.id })
    .from(feeds)
    .where(sql`not exists (select 1 from ${subscriptions} where ${subscriptions.feed_id} = ${feeds.id})`)
    .limit(limit);
  return found.map(({ id }) => id);
}

/** Sources that an account follows; the object of each learns that it no longer does. */
export async function feedsOfAccount(db: Db, accountId: string): Promise<string[]> {
  const found = await db
    .selectDistinct({ id: subscriptions.feed_id })
    .from(subscriptions)
    .where(eq(subscriptions.account_id, accountId));
  return found.map(({ id }) => id);
}

/** Removes the account itself and ends the erasure, if nothing else is left. */
export async function finishErasureOfAccount(
  db: Db,
  { id, account_id }: ErasureRow,
  now: number,
  audit: AuditRow,
): Promise<void> {
  const counted = countMore(db, id, "counts", {
    accounts: sql`(select count(*) from ${accounts} where ${accounts.id} = ${account_id})`,
  });
  const statements = [
    ...counted,
    insertAudit(
      db,
      audit,
      sql`exists (select 1 from ${erasures} where ${erasures.id} = ${id} and ${erasures.finished_at} is null)`,
    ),
    db.delete(accounts).where(eq(accounts.id, account_id ?? "")),
    db
      .update(erasures)
      .set({ phase: "done", account_id: null, finished_at: now, work_due_at: null, last_error: null })
      .where(and(eq(erasures.id, id), isNull(erasures.finished_at))),
  ];
  await db.batch(statements as unknown as [BatchItem<"sqlite">]);
}
