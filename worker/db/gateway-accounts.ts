import { and, eq, isNull, sql } from "drizzle-orm";
import { accounts } from "../../schema/db/tables/accounts.ts";
import type { AccountRow, NewAccountRow } from "./account-rows.ts";
import type { Db } from "./connection.ts";

/**
 * The account of a marketplace's caller, created at the first call. Its limits are those of its plan, and those that the
 * operator set for it prevail. Undefined if the account is disabled.
 */
export async function takeGatewayAccount(
  db: Db,
  row: NewAccountRow & { readonly gateway_user: string; readonly gateway_tier: string },
): Promise<AccountRow | undefined> {
  const limits = sql`json_patch(excluded.limits, coalesce(${accounts.own_limits}, '{}'))`;
  const planChanged = sql`${accounts.gateway_tier} is not excluded.gateway_tier`;
  // rows of a former version may hold the operator's changes in their limits alone
  const configurationChanged = sql`${accounts.own_limits} is not null and ${accounts.limits} is not ${limits}`;
  const [, found] = await db.batch([
    db
      .insert(accounts)
      .values({ ...row, own_limits: {} })
      .onConflictDoUpdate({
        target: accounts.gateway_user,
        set: {
          limits,
          gateway_tier: sql`excluded.gateway_tier`,
          own_limits: sql`coalesce(${accounts.own_limits}, '{}')`,
        },
        setWhere: sql`${planChanged} or (${configurationChanged})`,
      }),
    db
      .select()
      .from(accounts)
      .where(and(eq(accounts.gateway_user, row.gateway_user), isNull(accounts.disabled_at))),
  ]);
  return found[0];
}
