import { and, desc, eq, lt, type SQL, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import { auditEntries } from "../../schema/db/tables/accounts.ts";
import type { Db } from "./connection.ts";
import { rowValues } from "./fragments.ts";

/** The log of changes to accounts, keys and secrets. */

export type AuditRow = typeof auditEntries.$inferSelect;

/**
 * Logs a change, in the batch of statements that makes it.
 *
 * @param condition of the change; the entry must come before the change, which may make the condition false
 */
export const insertAudit = (db: Db, row: AuditRow, condition: SQL = sql`true`) =>
  db.insert(auditEntries).select(sql`select ${rowValues(auditEntries, row)} where ${condition}`);

/** Makes changes and logs them in one transaction. */
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

/** Entries, newest first. */
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
