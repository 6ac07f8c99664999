import { and, asc, eq, exists, gt, isNull, or, sql } from "drizzle-orm";
import { accounts, apiKeys } from "../../schema/db/tables/accounts.ts";
import type { AccountRow } from "./account-rows.ts";
import { type AuditRow, insertAudit } from "./audit-rows.ts";
import type { Db } from "./connection.ts";
import { rowValues } from "./fragments.ts";

export type KeyRow = typeof apiKeys.$inferSelect;

/** Identifies a key. */
export interface KeyName {
  readonly accountId: string;
  readonly keyId: string;
}

export async function insertKey(db: Db, row: KeyRow, audit: AuditRow): Promise<void> {
  await db.batch([db.insert(apiKeys).values(row), insertAudit(db, audit)]);
}

/** The keys of an account, oldest first. */
export const listKeys = async (db: Db, accountId: string): Promise<KeyRow[]> =>
  db.select().from(apiKeys).where(eq(apiKeys.account_id, accountId)).orderBy(asc(apiKeys.id));

export async function findKey(db: Db, name: KeyName): Promise<KeyRow | undefined> {
  return (await db.select().from(apiKeys).where(isNamed(name)))[0];
}

/**
 * Replaces a key; the old one keeps working until a given time.
 *
 * @returns the old key as changed; undefined if it was replaced before or no longer works, and then nothing is changed
 */
export async function replaceKey(
  db: Db,
  name: KeyName,
  { fresh, until, now }: { fresh: KeyRow; until: number; now: number },
  audit: AuditRow,
): Promise<KeyRow | undefined> {
  const isReplaceable = and(isNamed(name), isNull(apiKeys.replaced_by), isUsable(now));
  const found = exists(db.select({ id: apiKeys.id }).from(apiKeys).where(isReplaceable));
  const [, , [old]] = await db.batch([
    db.insert(apiKeys).select(sql`select ${rowValues(apiKeys, fresh)} where ${found}`),
    insertAudit(db, audit, found),
    db
      .update(apiKeys)
      .set({
        replaced_by: fresh.id,
        expires_at: sql`min(coalesce(${apiKeys.expires_at}, ${until}), ${until})`,
      })
      .where(isReplaceable)
      .returning(),
  ]);
  return old;
}

/** Revokes a key of an account; revoking again keeps the first time. Undefined if there is no such key. */
export async function revokeKey(
  db: Db,
  name: KeyName,
  now: number,
  audit: AuditRow,
): Promise<{ id: string } | undefined> {
  const isStanding = and(isNamed(name), isNull(apiKeys.revoked_at));
  const [, , found] = await db.batch([
    insertAudit(db, audit, exists(db.select({ id: apiKeys.id }).from(apiKeys).where(isStanding))),
    db.update(apiKeys).set({ revoked_at: now }).where(isStanding),
    db.select({ id: apiKeys.id }).from(apiKeys).where(isNamed(name)),
  ]);
  return found[0];
}

/** A working key (not revoked, not expired, the account not disabled) with its account. */
export async function findByKey(
  db: Db,
  sha256: string,
  now: number,
): Promise<{ account: AccountRow; key: KeyRow } | undefined> {
  return (await byKeyQuery(db, sha256, now))[0];
}
export const byKeyQuery = (db: Db, sha256: string, now: number) =>
  db
    .select({ account: accounts, key: apiKeys })
    .from(apiKeys)
    .innerJoin(accounts, eq(accounts.id, apiKeys.account_id))
    .where(and(eq(apiKeys.sha256, sha256), isUsable(now), isNull(accounts.disabled_at)));

const isNamed = ({ accountId, keyId }: KeyName) =>
  and(eq(apiKeys.account_id, accountId), eq(apiKeys.id, keyId));

const isUsable = (now: number) =>
  and(isNull(apiKeys.revoked_at), or(isNull(apiKeys.expires_at), gt(apiKeys.expires_at, now)));
