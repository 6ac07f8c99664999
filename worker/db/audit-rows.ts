import { and, desc, eq, lt, type SQL, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import { auditEntries } from "../../schema/db/tables/accounts.ts";
import type { Db } from "./connection.ts";
import { rowValues } from "./fragments.ts";

/** What was done to accounts, keys and secrets, and by whom. */

export type AuditRow = typeof auditEntries.$inferSelect;

/**
 * Notes what is done, in the batch that does it.
 *
 * @param condition on which it is done at all; the entry must stand in front of the change, which may end the condition
 */
export const insertAudit = (db: Db, row: AuditRow, condition: SQL = sql`true`) =>
  db.insert(auditEntries).select(sql`select ${rowValues(auditEntries, row)} where ${condition}`);

/** Makes changes and notes them, all or nothing. */
export async function writeWithAudit(
  db: Db,
  changes: readonly BatchItem<"sqlite">[],
  audit: AuditRow,
): Promise<void> {
  await db.batch([insertAudit(db, audit), ...changes]);
}

export interface AuditFilter {
  readonly accountId?: string | undefined;
  /** Only entries older than this id. */
  readonly cursor?: string | undefined;
}

/** Entries, the newest first. */
export const auditPageQuery = (db: Db, { accountId, cursor }: AuditFilter, limit: number) =>
  db
    .select()
    .from(auditEntries)
    .where(
      and(
        accountId === undefined ? undefined : eq(auditEntries.account_id, accountId),
        cursor === undefined ? undefined : lt(auditEntries.id, cursor),
      ),
    )
    .orderBy(desc(auditEntries.id))
    .limit(limit);
