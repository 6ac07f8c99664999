import { and, eq, isNotNull, not, sql } from "drizzle-orm";
import { accounts } from "../../schema/db/tables/accounts.ts";
import type { Db } from "./connection.ts";
import { startsWith } from "./fragments.ts";

/** Sealed secrets that sign accounts' webhook events. */
const SECRETS = {
  webhook_secret: accounts.webhook_secret,
  webhook_secret_before: accounts.webhook_secret_before,
} as const;
export type AccountSecret = keyof typeof SECRETS;
export const ACCOUNT_SECRETS = Object.keys(SECRETS) as AccountSecret[];

/** Accounts with a secret that was not sealed with the newest key. @param prefix beginning of texts that it sealed */
export const findAccountSecretsToReseal = (db: Db, secret: AccountSecret, prefix: string, limit: number) =>
  db
    .select({ owner: accounts.id, sealed: sql<string>`${SECRETS[secret]}` })
    .from(accounts)
    .where(and(isNotNull(SECRETS[secret]), not(startsWith(SECRETS[secret], prefix))))
    .limit(limit);

/** Replaces a sealed text by a newly sealed one; does nothing if it was changed meanwhile. */
export const replaceAccountSecret = (
  db: Db,
  secret: AccountSecret,
  owner: string,
  before: string,
  sealed: string,
) =>
  db
    .update(accounts)
    .set({ [secret]: sealed })
    .where(and(eq(accounts.id, owner), eq(SECRETS[secret], before)));
