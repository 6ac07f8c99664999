import type { DashboardBilling } from "../../../schema/api/dashboard.ts";
import type { RequestContext } from "../../context.ts";
import type { AccountRow } from "../../db/account-rows.ts";
import { readDeliveredBytes } from "../../db/usage-rows.ts";
import { requireAccount } from "./accounts.ts";

/** A billing period, in epoch milliseconds; the end belongs to the next one. */
export interface BillingPeriod {
  readonly start: number;
  readonly end: number;
}

/** The current billing period of an account, and the bytes that were delivered in it. */
export interface BilledUsage extends BillingPeriod {
  readonly deliveredBytes: number;
}

const GIGABYTE = 1024 ** 3;

/**
 * The period that contains a time: from midnight (UTC) of a day of the month to the same day of the next month.
 *
 * @param day 1 to 28
 * @example periodOf(15, Date.UTC(2026, 10, 24)) // from 15 November to 15 December 2026
 */
export function periodOf(day: number, now: number): BillingPeriod {
  const at = new Date(now);
  const [year, month] = [at.getUTCFullYear(), at.getUTCMonth()];
  const first = at.getUTCDate() >= day ? month : month - 1;
  return { start: Date.UTC(year, first, day), end: Date.UTC(year, first + 1, day) };
}

/** The account's usage in its current billing period; null if the operator set none. */
export async function billedUsage(
  context: RequestContext,
  { id, billing_day }: Pick<AccountRow, "id" | "billing_day">,
): Promise<BilledUsage | null> {
  if (billing_day === null) return null;
  const period = periodOf(billing_day, context.clock());
  return { ...period, deliveredBytes: await readDeliveredBytes(context.db, id, period) };
}

/** `GET /dashboard/billing`. @throws ApiError `not_found` */
export async function viewBilling(context: RequestContext, accountId: string): Promise<DashboardBilling> {
  const billed = await billedUsage(context, await requireAccount(context, accountId));
  if (!billed) {
    return { billing_enabled: false, message: "The operator set no billing period for this account" };
  }
  return {
    billing_enabled: true,
    period_start: unixSeconds(billed.start),
    period_end: unixSeconds(billed.end),
    total_usage_gb: Math.round((billed.deliveredBytes / GIGABYTE) * 100) / 100,
    period_start_formatted: formatted(billed.start),
    period_end_formatted: formatted(billed.end),
  };
}

export const unixSeconds = (time: number): number => Math.floor(time / 1000);

/** @example formatted(Date.UTC(2026, 10, 15)) // "Nov 15, 2026" */
const formatted = (time: number): string =>
  new Intl.DateTimeFormat("en-US", { dateStyle: "medium", timeZone: "UTC" }).format(time);
