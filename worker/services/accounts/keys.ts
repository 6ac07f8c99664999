import type { z } from "zod";
import type { CreatedKey, Key, KeyRoll, NewKey, RolledKey } from "../../../schema/api/account.ts";
import { sha256Hex } from "../../../schema/bytes.ts";
import type { RequestContext } from "../../context.ts";
import * as rows from "../../db/key-rows.ts";
import { illegalState, invalidMember, notFound } from "../../lib/api-error.ts";
import { displayPrefix, makeApiKey } from "../../lib/api-key.ts";
import { requireAccount } from "./accounts.ts";
import { type Actor, auditRow } from "./audit.ts";

/** The operator's actions on the keys of an account. */

/** Creates a key; only its hash is stored. @throws ApiError `not_found`; `invalid_request` for an expiry in the past */
export async function createKey(
  context: RequestContext,
  by: Actor,
  accountId: string,
  asked: z.output<typeof NewKey>,
): Promise<z.output<typeof CreatedKey>> {
  if (asked.expires_at !== null && asked.expires_at <= context.clock()) {
    throw invalidMember("expires_at", "must be a time in the future, in epoch milliseconds");
  }
  const account = await requireAccount(context, accountId);
  const { api_key, row } = await makeKey(context, account.id, asked);
  const facts = { action: "key.created", accountId: account.id, subject: row.id } as const;
  await rows.insertKey(context.db, row, auditRow(context, by, { ...facts, detail: describe(row) }));
  return { ...viewKey(row), api_key };
}

/** @throws ApiError `not_found` */
export async function listKeys(context: RequestContext, accountId: string): Promise<{ keys: Key[] }> {
  const account = await requireAccount(context, accountId);
  return { keys: (await rows.listKeys(context.db, account.id)).map(viewKey) };
}

/**
 * Replaces a key by a new one with its name, scopes, addresses and lifetime; the old one keeps working for a while.
 *
 * @throws ApiError `not_found`; `invalid_request` for a key that was replaced before or no longer works
 */
export async function rollKey(
  context: RequestContext,
  by: Actor,
  accountId: string,
  keyId: string,
  { overlap_seconds }: z.output<typeof KeyRoll>,
): Promise<z.output<typeof RolledKey>> {
  const now = context.clock();
  const name = nameOf(accountId, keyId);
  const old = await rows.findKey(context.db, name);
  if (!old) throw notFound("key");
  const lifetime = old.expires_at === null ? null : old.expires_at - old.created_at;
  const { api_key, row: fresh } = await makeKey(context, old.account_id, {
    name: old.name,
    scopes: old.scopes,
    allowed_ips: old.allowed_ips,
    expires_at: lifetime === null ? null : now + lifetime,
  });
  const until = now + overlap_seconds * 1000;
  const facts = { action: "key.rolled", accountId: old.account_id, subject: old.id } as const;
  const detail = { replaced_by: fresh.id, overlap_seconds, ...describe(fresh) };
  const audit = auditRow(context, by, { ...facts, detail });
  const replaced = await rows.replaceKey(context.db, name, { fresh, until, now }, audit);
  if (!replaced) throw illegalState("This key was already replaced or no longer works");
  return { ...viewKey(fresh), api_key, replaces: viewKey(replaced) };
}

/** @throws ApiError `not_found` */
export async function revokeKey(
  context: RequestContext,
  by: Actor,
  accountId: string,
  keyId: string,
): Promise<void> {
  const name = nameOf(accountId, keyId);
  const facts = { action: "key.revoked", accountId: name.accountId, subject: name.keyId } as const;
  if (!(await rows.revokeKey(context.db, name, context.clock(), auditRow(context, by, facts))))
    throw notFound("key");
}

const nameOf = (accountId: string, keyId: string): rows.KeyName => ({
  accountId: accountId.toLowerCase(),
  keyId: keyId.toLowerCase(),
});

async function makeKey(
  context: RequestContext,
  account_id: string,
  facts: Pick<rows.KeyRow, "name" | "scopes" | "allowed_ips" | "expires_at">,
): Promise<{ api_key: string; row: rows.KeyRow }> {
  const api_key = makeApiKey(context.random);
  const row: rows.KeyRow = {
    id: context.newId(),
    account_id,
    ...facts,
    sha256: await sha256Hex(api_key),
    prefix: displayPrefix(api_key),
    last4: api_key.slice(-4),
    created_at: context.clock(),
    replaced_by: null,
    revoked_at: null,
  };
  return { api_key, row };
}

const describe = ({ name, scopes, allowed_ips, expires_at, last4 }: rows.KeyRow) => ({
  ...{ name, scopes, expires_at, last4 },
  ...(allowed_ips === null ? {} : { allowed_ips }),
});

function viewKey({ account_id: _, sha256: __, ...shown }: rows.KeyRow): Key {
  return shown;
}
