import type { z } from "zod";
import type {
  Account,
  AccountChange,
  CreatedKey,
  Key,
  NewAccount,
  NewKey,
} from "../../schema/api/account.ts";
import * as rows from "../db/account-rows.ts";
import { notFound } from "../lib/api-error.ts";
import { displayPrefix, makeApiKey } from "../lib/api-key.ts";
import { sha256Hex } from "../lib/digest.ts";
import type { Scope } from "../services.ts";

/** What the operator does with accounts and their keys. */

export async function createAccount(scope: Scope, asked: z.output<typeof NewAccount>): Promise<Account> {
  const row = await rows.insertAccount(scope.db, { id: scope.newId(), ...asked, created_at: scope.clock() });
  return viewAccount(row);
}

export async function listAccounts(scope: Scope): Promise<{ accounts: Account[] }> {
  return { accounts: (await rows.listAccounts(scope.db)).map(viewAccount) };
}

/** Changes what is named; limits are merged. @throws ApiError `not_found` */
export async function changeAccount(
  scope: Scope,
  id: string,
  { name, limits, disabled }: z.output<typeof AccountChange>,
): Promise<Account> {
  const before = await requireAccount(scope, id);
  const row = await rows.updateAccount(scope.db, before.id, {
    name: name ?? before.name,
    limits: { ...before.limits, ...limits },
    disabled_at:
      disabled === undefined ? before.disabled_at : disabled ? (before.disabled_at ?? scope.clock()) : null,
  });
  if (!row) throw notFound();
  return viewAccount(row);
}

/** Makes a key; only its hash is kept. @throws ApiError `not_found` */
export async function createKey(
  scope: Scope,
  accountId: string,
  { name }: z.output<typeof NewKey>,
): Promise<z.output<typeof CreatedKey>> {
  const account = await requireAccount(scope, accountId);
  const api_key = makeApiKey(scope.random);
  const row: rows.KeyRow = {
    id: scope.newId(),
    account_id: account.id,
    name,
    sha256: await sha256Hex(api_key),
    prefix: displayPrefix(api_key),
    last4: api_key.slice(-4),
    created_at: scope.clock(),
    ...{ scopes: null, expires_at: null, replaced_by: null, revoked_at: null },
  };
  await rows.insertKey(scope.db, row);
  return { ...viewKey(row), api_key };
}

/** @throws ApiError `not_found` */
export async function listKeys(scope: Scope, accountId: string): Promise<{ keys: Key[] }> {
  const account = await requireAccount(scope, accountId);
  return { keys: (await rows.listKeys(scope.db, account.id)).map(viewKey) };
}

/** @throws ApiError `not_found` */
export async function revokeKey(scope: Scope, accountId: string, keyId: string): Promise<void> {
  const revoked = await rows.revokeKey(scope.db, {
    accountId: accountId.toLowerCase(),
    keyId: keyId.toLowerCase(),
    now: scope.clock(),
  });
  if (!revoked) throw notFound();
}

async function requireAccount(scope: Scope, id: string): Promise<rows.AccountRow> {
  const account = await rows.findAccount(scope.db, id.toLowerCase());
  if (!account) throw notFound();
  return account;
}

/** Only what the operator is to see: the row holds sealed secrets too. */
function viewAccount({ id, name, source, limits, disabled_at, created_at }: rows.AccountRow): Account {
  return { id, name, source, limits, disabled: disabled_at !== null, created_at };
}

function viewKey({ id, name, prefix, last4, created_at, revoked_at }: rows.KeyRow): Key {
  return { id, name, prefix, last4, created_at, revoked_at };
}
