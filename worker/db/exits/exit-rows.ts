import { and, eq, isNotNull, not, sql } from "drizzle-orm";
import { exits } from "../../../schema/db/tables/sources.ts";
import { type AuditRow, insertAudit } from "../audit-rows.ts";
import type { Db } from "../connection.ts";
import { startsWith } from "../fragments.ts";

/** Exits that the operator keeps through the API. */

export type ExitRow = typeof exits.$inferSelect;

export const exitsQuery = (db: Db) => db.select().from(exits).orderBy(exits.name);

/** Stores an exit, in place of one with its name. */
export async function putExit(db: Db, row: ExitRow, audit: AuditRow): Promise<void> {
  const { name: _name, created_at: _created, ...set } = row;
  await db.batch([
    insertAudit(db, audit),
    db.insert(exits).values(row).onConflictDoUpdate({ target: exits.name, set }),
  ]);
}

const exists = (name: string) => sql`exists (select 1 from ${exits} where ${exits.name} = ${name})`;

/** @returns undefined if there is none with this name */
export async function changeExit(
  db: Db,
  name: string,
  change: Partial<ExitRow>,
  audit: AuditRow,
): Promise<ExitRow | undefined> {
  const [, rows] = await db.batch([
    insertAudit(db, audit, exists(name)),
    db.update(exits).set(change).where(eq(exits.name, name)).returning(),
  ]);
  return rows[0];
}

/** @returns false if there is none with this name */
export async function removeExit(db: Db, name: string, audit: AuditRow): Promise<boolean> {
  const [, rows] = await db.batch([
    insertAudit(db, audit, exists(name)),
    db.delete(exits).where(eq(exits.name, name)).returning({ name: exits.name }),
  ]);
  return rows.length > 0;
}

/** Exits whose URL was not sealed with the newest key. @param prefix beginning of texts that it sealed */
export const findExitsToReseal = (db: Db, prefix: string, limit: number) =>
  db
    .select({ owner: exits.name, sealed: sql<string>`${exits.sealed_url}` })
    .from(exits)
    .where(and(isNotNull(exits.sealed_url), not(startsWith(exits.sealed_url, prefix))))
    .limit(limit);

/** Replaces a sealed text by a newly sealed one; does nothing if it was changed meanwhile. */
export const replaceExitUrl = (db: Db, owner: string, before: string, sealed: string) =>
  db
    .update(exits)
    .set({ sealed_url: sealed })
    .where(and(eq(exits.name, owner), eq(exits.sealed_url, before)));
