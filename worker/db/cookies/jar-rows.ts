import { and, asc, eq, exists, isNull, not, type SQL, sql } from "drizzle-orm";
import { cookieJars } from "../../../schema/db/tables/cookies.ts";
import type { JobErrorCode } from "../../../schema/errors.ts";
import { type AuditRow, insertAudit } from "../audit-rows.ts";
import type { Db } from "../connection.ts";
import { startsWith } from "../fragments.ts";
import type { GuardedStatement } from "../guarded-statements.ts";

/** The cookie vault, sealed. */

export type JarRow = typeof cookieJars.$inferSelect;

/** The owner of jars that serve all accounts. */
export const OPERATOR = "operator";

/** A jar as a run needs it. */
export type FoundJar = Pick<JarRow, "id" | "owner" | "site" | "exit" | "sealed">;

/** Stores a jar and replaces the former one of this owner and site. */
export async function saveJar(db: Db, row: JarRow, audit: AuditRow): Promise<void> {
  await db.batch([
    db
      .insert(cookieJars)
      .values(row)
      .onConflictDoUpdate({ target: [cookieJars.owner, cookieJars.site], set: row }),
    insertAudit(db, audit),
  ]);
}

/** The jars of an owner, by site. */
export const jarsQuery = (db: Db, owner: string) =>
  db.select().from(cookieJars).where(eq(cookieJars.owner, owner)).orderBy(asc(cookieJars.site));

/** The number of jars of an owner, apart from the one for this site. */
export const otherJarsQuery = (db: Db, owner: string, site: string) =>
  db.$count(cookieJars, and(eq(cookieJars.owner, owner), not(eq(cookieJars.site, site))));

/** Removes a jar. False if there is none. */
export async function removeJar(db: Db, owner: string, site: string, audit: AuditRow): Promise<boolean> {
  const isIt = and(eq(cookieJars.owner, owner), eq(cookieJars.site, site));
  const found = db.select({ id: cookieJars.id }).from(cookieJars).where(isIt);
  const [, removed] = await db.batch([
    insertAudit(db, audit, exists(found)),
    db.delete(cookieJars).where(isIt).returning({ id: cookieJars.id }),
  ]);
  return removed.length > 0;
}

/** The condition of jars that may be for a URL; which of them are, their domains decide. */
const mayServe = (accountId: string | SQL, url: string | SQL) =>
  and(
    sql`${cookieJars.owner} in (${accountId}, ${OPERATOR})`,
    eq(cookieJars.state, "active"),
    sql`exists (select 1 from json_each(${cookieJars.domains}) where instr(lower(${url}), json_each.value) > 0)`,
  );

/** Active jars of an account and of the operator that may be for a URL. */
export const jarsForUrlQuery = (db: Db, accountId: string, url: string) =>
  db
    .select({
      id: cookieJars.id,
      owner: cookieJars.owner,
      site: cookieJars.site,
      exit: cookieJars.exit,
      sealed: cookieJars.sealed,
    })
    .from(cookieJars)
    .where(mayServe(accountId, url));

/** The same as one column of a query about jobs, in JSON, so that a run costs no further round trip. */
export const jarsForRun = (accountId: SQL, url: SQL): SQL<string> =>
  sql<string>`(select json_group_array(json_object('id', ${cookieJars.id}, 'owner', ${cookieJars.owner},
    'site', ${cookieJars.site}, 'exit', ${cookieJars.exit}, 'sealed', ${cookieJars.sealed}))
    from ${cookieJars} where ${mayServe(accountId, url)})`;

export async function findJar(db: Db, id: string): Promise<JarRow | undefined> {
  return (await db.select().from(cookieJars).where(eq(cookieJars.id, id)))[0];
}

/** Jars of the operator that became stale, which was not reported to the operator yet. */
export const unreportedJarsQuery = (db: Db, limit: number) =>
  db.select().from(cookieJars).where(isUnreported).limit(limit);

/** @returns false if another caller was faster, or the jar was replaced */
export async function noteJarReported(db: Db, id: string, now: number): Promise<boolean> {
  const changed = await db
    .update(cookieJars)
    .set({ reported_at: now })
    .where(and(eq(cookieJars.id, id), isUnreported))
    .returning({ id: cookieJars.id });
  return changed.length > 0;
}

const isUnreported = and(
  eq(cookieJars.owner, OPERATOR),
  eq(cookieJars.state, "stale"),
  isNull(cookieJars.reported_at),
);

/** The site accepted the cookies, or it is not known. @param accepted it did */
export const noteUsed = (db: Db, id: string, now: number, accepted: boolean, guard: SQL = sql`true`) =>
  db
    .update(cookieJars)
    .set({ used_at: now, ...(accepted ? { refusals: 0 } : {}) })
    .where(and(eq(cookieJars.id, id), guard));

/** Number of consecutive refusals that make a jar stale. */
export const MAX_REFUSALS = 2;

/** A statement that takes effect only if the next refusal makes the jar stale. It must precede that refusal. */
export const onLastRefusal =
  (id: string, statement: GuardedStatement): GuardedStatement =>
  (db, guard) => {
    const isLast = exists(
      db
        .select({ id: cookieJars.id })
        .from(cookieJars)
        .where(and(eq(cookieJars.id, id), eq(cookieJars.state, "active"), isNextLast)),
    );
    return statement(db, sql`(${guard} and ${isLast})`);
  };

const isNextLast = sql`${cookieJars.refusals} >= ${MAX_REFUSALS - 1}`;

/** The site treated the cookies as no session. */
export function noteRefused(db: Db, id: string, now: number, code: JobErrorCode, guard: SQL) {
  const then = (value: SQL, otherwise: SQL) => sql`iif(${isNextLast}, ${value}, ${otherwise})`;
  return db
    .update(cookieJars)
    .set({
      used_at: now,
      refusals: sql`${cookieJars.refusals} + 1`,
      state: then(sql`'stale'`, sql`${cookieJars.state}`),
      stale_at: then(sql`${now}`, sql`${cookieJars.stale_at}`),
      stale_code: then(sql`${code}`, sql`${cookieJars.stale_code}`),
    })
    .where(and(eq(cookieJars.id, id), eq(cookieJars.state, "active"), guard));
}

/** Replaces the cookies, unless another run has done so since they were read. */
export const renewJar = (
  db: Db,
  { id, revision }: Pick<JarRow, "id" | "revision">,
  changes: Partial<JarRow>,
  guard: SQL = sql`true`,
) =>
  db
    .update(cookieJars)
    .set(changes)
    .where(and(eq(cookieJars.id, id), eq(cookieJars.revision, revision), guard))
    .returning({ id: cookieJars.id });

/** Jars that were not sealed with the newest key. @param prefix beginning of texts that it sealed */
export const jarsToResealQuery = (db: Db, prefix: string, limit: number) =>
  db
    .select({ id: cookieJars.id, owner: cookieJars.owner, site: cookieJars.site, sealed: cookieJars.sealed })
    .from(cookieJars)
    .where(not(startsWith(cookieJars.sealed, prefix)))
    .limit(limit);

/** Replaces a sealed text by a newly sealed one; does nothing if it was changed meanwhile. */
export const replaceJarSecret = (
  db: Db,
  { id, sealed }: Pick<JarRow, "id" | "sealed">,
  after: { readonly sealed: string; readonly key_id: string },
) =>
  db
    .update(cookieJars)
    .set(after)
    .where(and(eq(cookieJars.id, id), eq(cookieJars.sealed, sealed)));
