import { and, eq, exists, not } from "drizzle-orm";
import { accounts, storageConfigs } from "../../schema/db/tables/accounts.ts";
import { type AuditRow, insertAudit } from "./audit-rows.ts";
import type { Db } from "./connection.ts";
import { startsWith } from "./fragments.ts";

/** Accounts' own storage, sealed. */

export type StorageConfigRow = typeof storageConfigs.$inferSelect;

/** Sets the storage of an account and replaces the former one. */
export async function saveStorageConfig(db: Db, row: StorageConfigRow, audit: AuditRow): Promise<void> {
  await db.batch([
    db.insert(storageConfigs).values(row).onConflictDoUpdate({ target: storageConfigs.account_id, set: row }),
    insertAudit(db, audit),
  ]);
}

export async function findStorageConfig(db: Db, accountId: string): Promise<StorageConfigRow | undefined> {
  return (await db.select().from(storageConfigs).where(eq(storageConfigs.account_id, accountId)))[0];
}

/** Where the keys of an account begin: the folders of its own storage (null without one), and its prefix in the managed bucket. */
export async function findFoldersOf(db: Db, accountId: string) {
  const [found] = await db
    .select({
      storage_prefix: accounts.storage_prefix,
      provider: storageConfigs.provider,
      base_folder: storageConfigs.base_folder,
      folder_prefix: storageConfigs.folder_prefix,
    })
    .from(accounts)
    .leftJoin(storageConfigs, eq(storageConfigs.account_id, accounts.id))
    .where(eq(accounts.id, accountId));
  return found;
}

/** Removes the storage of an account if it is of this provider. False if there is none. */
export async function removeStorageConfig(
  db: Db,
  accountId: string,
  provider: StorageConfigRow["provider"],
  audit: AuditRow,
): Promise<boolean> {
  const isIt = and(eq(storageConfigs.account_id, accountId), eq(storageConfigs.provider, provider));
  const found = db.select({ account_id: storageConfigs.account_id }).from(storageConfigs).where(isIt);
  const [, removed] = await db.batch([
    insertAudit(db, audit, exists(found)),
    db.delete(storageConfigs).where(isIt).returning({ account_id: storageConfigs.account_id }),
  ]);
  return removed.length > 0;
}

/** Rows that were not sealed with the newest key. @param prefix beginning of texts that it sealed */
export const findConfigsToReseal = (db: Db, prefix: string, limit: number) =>
  db
    .select({ owner: storageConfigs.account_id, sealed: storageConfigs.sealed })
    .from(storageConfigs)
    .where(not(startsWith(storageConfigs.sealed, prefix)))
    .limit(limit);

/** Replaces a sealed text by a newly sealed one; does nothing if it was changed meanwhile. */
export const replaceStorageConfig = (
  db: Db,
  owner: string,
  before: string,
  after: { sealed: string; key_id: string },
) =>
  db
    .update(storageConfigs)
    .set(after)
    .where(and(eq(storageConfigs.account_id, owner), eq(storageConfigs.sealed, before)));
