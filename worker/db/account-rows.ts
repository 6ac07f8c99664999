import { and, asc, eq, isNull } from "drizzle-orm";
import { accounts, apiKeys } from "../../schema/db/tables.ts";
import type { Db } from "./connection.ts";

export type AccountRow = typeof accounts.$inferSelect;
export type NewAccountRow = typeof accounts.$inferInsert;
export type KeyRow = typeof apiKeys.$inferSelect;
export type NewKeyRow = typeof apiKeys.$inferInsert;

/** Stores an account; answers it whole. */
export async function insertAccount(db: Db, row: NewAccountRow): Promise<AccountRow> {
  return db.insert(accounts).values(row).returning().get();
}

/** All accounts, the oldest first. */
export const listAccounts = async (db: Db): Promise<AccountRow[]> =>
  db.select().from(accounts).orderBy(asc(accounts.id));

export async function findAccount(db: Db, id: string): Promise<AccountRow | undefined> {
  return (await db.select().from(accounts).where(eq(accounts.id, id)))[0];
}

/** Changes an account; undefined when there is none. */
export async function updateAccount(
  db: Db,
  id: string,
  changes: Partial<NewAccountRow>,
): Promise<AccountRow | undefined> {
  return (await db.update(accounts).set(changes).where(eq(accounts.id, id)).returning())[0];
}

/**
 * Puts a new signing secret, sealed, in the place of the one that was read; that one is kept beside it.
 *
 * @returns false when another secret came first; nothing is changed then
 */
export async function replaceWebhookSecret(
  db: Db,
  { id, webhook_secret: before }: Pick<AccountRow, "id" | "webhook_secret">,
  sealed: string,
  now: number,
): Promise<boolean> {
  const isBefore = before === null ? isNull(accounts.webhook_secret) : eq(accounts.webhook_secret, before);
  const changed = await db
    .update(accounts)
    .set({ webhook_secret: sealed, webhook_secret_before: before, webhook_secret_rotated_at: now })
    .where(and(eq(accounts.id, id), isBefore))
    .returning({ id: accounts.id });
  return changed.length > 0;
}

export async function insertKey(db: Db, row: NewKeyRow): Promise<void> {
  await db.insert(apiKeys).values(row);
}

/** The keys of an account, the oldest first. */
export const listKeys = async (db: Db, accountId: string): Promise<KeyRow[]> =>
  db.select().from(apiKeys).where(eq(apiKeys.account_id, accountId)).orderBy(asc(apiKeys.id));

/** Revokes a key of an account; revoking again keeps the first time. Undefined when there is no such key. */
export async function revokeKey(
  db: Db,
  { accountId, keyId, now }: { accountId: string; keyId: string; now: number },
): Promise<{ id: string } | undefined> {
  const isKey = and(eq(apiKeys.account_id, accountId), eq(apiKeys.id, keyId));
  const [, found] = await db.batch([
    db
      .update(apiKeys)
      .set({ revoked_at: now })
      .where(and(isKey, isNull(apiKeys.revoked_at))),
    db.select({ id: apiKeys.id }).from(apiKeys).where(isKey),
  ]);
  return found[0];
}

/** The account that a key opens: neither the key is revoked nor the account disabled. */
export async function findAccountByKey(db: Db, sha256: string): Promise<AccountRow | undefined> {
  return (await accountByKeyQuery(db, sha256))[0]?.accounts;
}
export const accountByKeyQuery = (db: Db, sha256: string) =>
  db
    .select()
    .from(apiKeys)
    .innerJoin(accounts, eq(accounts.id, apiKeys.account_id))
    .where(and(eq(apiKeys.sha256, sha256), isNull(apiKeys.revoked_at), isNull(accounts.disabled_at)));
