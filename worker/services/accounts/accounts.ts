import type { z } from "zod";
import type { Account, AccountChange, NewAccount, PageQuery } from "../../../schema/api/account.ts";
import type { RequestContext } from "../../context.ts";
import * as rows from "../../db/account-rows.ts";
import { invalidMember, notFound } from "../../lib/api-error.ts";
import { pageOf } from "../../lib/page-of.ts";
import { type Actor, auditRow } from "./audit.ts";

/** The operator's actions on accounts. */

/** @throws ApiError `invalid_request` if another account has the storage prefix; as `requireStoredPeriod` */
export async function createAccount(
  context: RequestContext,
  by: Actor,
  asked: z.output<typeof NewAccount>,
): Promise<Account> {
  requireStoredPeriod(context, asked);
  const id = context.newId();
  const audit = auditRow(context, by, { action: "account.created", accountId: id, detail: asked });
  const { storage_prefix = id } = asked;
  const account = { id, ...asked, storage_prefix, created_at: context.clock() };
  const row = await rows.insertAccount(context.db, account, audit);
  if (!row)
    throw invalidMember("storage_prefix", "belongs to another account; choose another one or leave it out");
  return viewAccount(row);
}

/** A page of accounts, newest first. */
export async function listAccounts(context: RequestContext, { limit, cursor }: PageQuery) {
  const found = await rows.accountPageQuery(context.db, cursor?.toLowerCase(), limit + 1);
  const { page, next_cursor } = pageOf(found, limit);
  return { accounts: page.map(viewAccount), next_cursor };
}

/** @throws ApiError `not_found` */
export async function readAccount(context: RequestContext, id: string): Promise<Account> {
  return viewAccount(await requireAccount(context, id));
}

/** Changes the given fields; limits are merged. @throws ApiError `not_found`; as `requireStoredPeriod` */
export async function changeAccount(
  context: RequestContext,
  by: Actor,
  id: string,
  asked: z.output<typeof AccountChange>,
): Promise<Account> {
  const { name, disabled } = asked;
  const before = await requireAccount(context, id);
  const limits = { ...before.limits, ...asked.limits };
  const { billing_day = before.billing_day } = asked;
  requireStoredPeriod(context, { limits, billing_day });
  const action =
    disabled === undefined ? "account.changed" : disabled ? "account.disabled" : "account.enabled";
  const row = await rows.updateAccount(
    context.db,
    before.id,
    {
      name: name ?? before.name,
      limits,
      billing_day,
      // what the plan of a marketplace says must not undo it
      ...(before.gateway_tier !== null && { own_limits: { ...before.own_limits, ...asked.limits } }),
      disabled_at:
        disabled === undefined
          ? before.disabled_at
          : disabled
            ? (before.disabled_at ?? context.clock())
            : null,
    },
    auditRow(context, by, { action, accountId: before.id, detail: asked }),
  );
  if (!row) throw notFound("account");
  return viewAccount(row);
}

/** The longest billing period, in days. */
const LONGEST_PERIOD = 31;

/**
 * A billing period is counted from the jobs of the period, so they must be stored until it ends.
 *
 * @throws ApiError `invalid_request`
 */
function requireStoredPeriod(
  { config }: RequestContext,
  { limits, billing_day }: Pick<rows.AccountRow, "limits" | "billing_day">,
): void {
  const days = limits.job_retention_days ?? config.jobRetentionDays;
  if (billing_day === null || days === 0 || days >= LONGEST_PERIOD) return;
  throw invalidMember(
    "billing_day",
    `needs jobs that are kept for ${LONGEST_PERIOD} days or more, not for ${days}; set limits.job_retention_days`,
  );
}

/** @throws ApiError `not_found` */
export async function requireAccount(context: RequestContext, id: string): Promise<rows.AccountRow> {
  const account = await rows.findAccount(context.db, id.toLowerCase());
  if (!account) throw notFound("account");
  return account;
}

/** Only fields for the operator, because the row also holds sealed secrets. */
function viewAccount(row: rows.AccountRow): Account {
  const { id, name, source, limits, billing_day, disabled_at, created_at } = row;
  const storage_prefix = rows.storagePrefixOf(row);
  const disabled = disabled_at !== null;
  return { id, name, source, storage_prefix, limits, billing_day, disabled, created_at };
}
