import { and, eq, isNull, sql } from "drizzle-orm";
import { accounts } from "../../schema/db/tables/accounts.ts";
import type { AccountRow, NewAccountRow } from "./account-rows.ts";
import type { Db } from "./connection.ts";

/**
 * The account of a marketplace's caller, created at the first call. When its tier changes, its limits are those of the
 * new tier; otherwise the operator's changes stay. Undefined if the account is disabled.
 */
export async function takeGatewayAccount(
  db: Db,
  row: NewAccountRow & { readonly gateway_user: string; readonly gateway_tier: string },
): Promise<AccountRow | undefined> {
  const tierChanged = sql`${accounts.gateway_tier} is not excluded.gateway_tier`;
  const [, found] = await db.batch([
    db
      .insert(accounts)
      .values(row)
      .onConflictDoUpdate({
        target: accounts.gateway_user,
        set: { limits: sql`excluded.limits`, gateway_tier: sql`excluded.gateway_tier` },
        setWhere: tierChanged,
      }),
    db
      .select()
      .from(accounts)
      .where(and(eq(accounts.gateway_user, row.gateway_user), isNull(accounts.disabled_at))),
  ]);
  return found[0];
}
