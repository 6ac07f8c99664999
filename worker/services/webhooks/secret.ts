import type { RequestContext } from "../../context.ts";
import { type AccountRow, replaceWebhookSecret } from "../../db/account-rows.ts";
import type { AuditRow } from "../../db/audit-rows.ts";
import { requireAccount } from "../accounts/accounts.ts";
import { type Actor, auditRow } from "../accounts/audit.ts";
import type { SealedFor } from "../storage/seal.ts";
import { makeWebhookSecret } from "./signature.ts";

/** How long the former secret also signs, in milliseconds. */
const OVERLAP_MS = 24 * 60 * 60_000;

const sealedFor = ({ id }: Pick<AccountRow, "id">): SealedFor => ({
  owner: id,
  purpose: "account.webhook_secret",
});

/** The secrets that currently sign an account's webhook events, newest first; if there is none, one is created. */
export async function signingSecrets(context: RequestContext, account: AccountRow): Promise<string[]> {
  const { webhook_secret, webhook_secret_before, webhook_secret_rotated_at } = account;
  if (webhook_secret === null) return [await replaceSecret(context, account, null)];
  const newest = await context.sealer.open(webhook_secret, sealedFor(account));
  const overlaps = context.clock() < (webhook_secret_rotated_at ?? 0) + OVERLAP_MS;
  if (webhook_secret_before === null || !overlaps) return [newest];
  return [newest, await context.sealer.open(webhook_secret_before, sealedFor(account))];
}

/** The secret for verifying webhook events. @throws ApiError `not_found` */
export async function readWebhookSecret(context: RequestContext, accountId: string): Promise<string> {
  const [newest = ""] = await signingSecrets(context, await requireAccount(context, accountId));
  return newest;
}

/** Creates a new secret; the former one also signs for a day. @throws ApiError `not_found` */
export async function rotateWebhookSecret(
  context: RequestContext,
  by: Actor,
  accountId: string,
): Promise<string> {
  const audit = auditRow(context, by, { action: "webhook_secret.rotated", accountId });
  return replaceSecret(context, await requireAccount(context, accountId), audit);
}

/** Replaces the secret that was read; if another request was faster, its secret is used. */
async function replaceSecret(
  context: RequestContext,
  account: AccountRow,
  audit: AuditRow | null,
): Promise<string> {
  const secret = makeWebhookSecret(context.random);
  const { sealed } = await context.sealer.seal(secret, sealedFor(account));
  const changed = await replaceWebhookSecret(context.db, account, sealed, context.clock(), audit);
  return changed ? secret : readWebhookSecret(context, account.id);
}
