import { and, desc, eq, exists, isNull, lt } from "drizzle-orm";
import { accounts } from "../../schema/db/tables/accounts.ts";
import { type AuditRow, insertAudit } from "./audit-rows.ts";
import type { Db } from "./connection.ts";

export type AccountRow = typeof accounts.$inferSelect;
export type NewAccountRow = typeof accounts.$inferInsert;

/** The first segment of the account's keys in the managed bucket. */
export const storagePrefixOf = ({ id, storage_prefix }: Pick<AccountRow, "id" | "storage_prefix">): string =>
  storage_prefix ?? id;

/** Stores an account and returns it; undefined if its storage prefix is taken. */
export async function insertAccount(
  db: Db,
  row: NewAccountRow,
  audit: AuditRow,
): Promise<AccountRow | undefined> {
  const isStored = exists(db.select({ id: accounts.id }).from(accounts).where(eq(accounts.id, row.id)));
  const [[stored]] = await db.batch([
    db.insert(accounts).values(row).onConflictDoNothing({ target: accounts.storage_prefix }).returning(),
    insertAudit(db, audit, isStored),
  ]);
  return stored;
}

/** Accounts after a cursor, newest first. */
export const accountPageQuery = (db: Db, cursor: string | undefined, limit: number) =>
  db
    .select()
    .from(accounts)
    .where(cursor === undefined ? undefined : lt(accounts.id, cursor))
    .orderBy(desc(accounts.id))
    .limit(limit);

export async function findAccount(db: Db, id: string): Promise<AccountRow | undefined> {
  return (await db.select().from(accounts).where(eq(accounts.id, id)))[0];
}

/** Changes an account; undefined if it does not exist. */
export async function updateAccount(
  db: Db,
  id: string,
  changes: Partial<NewAccountRow>,
  audit: AuditRow,
): Promise<AccountRow | undefined> {
  const [[changed]] = await db.batch([
    db.update(accounts).set(changes).where(eq(accounts.id, id)).returning(),
    insertAudit(db, audit),
  ]);
  return changed;
}

/**
 * Replaces the signing secret that was read by a new sealed one; the old one is kept as the former secret.
 *
 * @param audit null for the first secret, which is created automatically
 * @returns false if the secret was replaced meanwhile; then nothing is changed
 */
export async function replaceWebhookSecret(
  db: Db,
  { id, webhook_secret: before }: Pick<AccountRow, "id" | "webhook_secret">,
  sealed: string,
  now: number,
  audit: AuditRow | null,
): Promise<boolean> {
  const isAsRead = and(
    eq(accounts.id, id),
    before === null ? isNull(accounts.webhook_secret) : eq(accounts.webhook_secret, before),
  );
  const change = db
    .update(accounts)
    .set({ webhook_secret: sealed, webhook_secret_before: before, webhook_secret_rotated_at: now })
    .where(isAsRead)
    .returning({ id: accounts.id });
  if (!audit) return (await change).length > 0;
  const found = exists(db.select({ id: accounts.id }).from(accounts).where(isAsRead));
  const [, changed] = await db.batch([insertAudit(db, audit, found), change]);
  return changed.length > 0;
}
