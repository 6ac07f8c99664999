import { and, asc, eq, inArray, isNull, lte, sql } from "drizzle-orm";
import { idempotencyKeys } from "../../schema/db/tables/idempotency.ts";
import type { Db } from "./connection.ts";

/** Requests that are executed once: one statement claims them, and repetitions get the same response. */

export type IdempotencyRow = typeof idempotencyKeys.$inferSelect;
/** Identifies a request: its account, its route, and the key that the caller chose. */
export type IdempotencyName = Pick<IdempotencyRow, "account_id" | "route" | "key">;

/**
 * Claims a request that is new, whose owner is silent, or whose response is no longer kept. A claim that is taken over
 * keeps the resource id of the first claim.
 *
 * @param removed responses from before this time are no longer kept
 * @returns whether the caller has the claim, and the present row
 */
export async function claimRequest(
  db: Db,
  claim: Omit<IdempotencyRow, "status" | "body">,
  staleBefore: number,
): Promise<{ claimed: boolean; row: IdempotencyRow | undefined }> {
  const [claimed, [row]] = await db.batch([
    claimQuery(db, claim, staleBefore),
    db.select().from(idempotencyKeys).where(isNamed(claim)),
  ]);
  return { claimed: claimed.length > 0, row };
}

function claimQuery(db: Db, claim: Omit<IdempotencyRow, "status" | "body">, staleBefore: number) {
  const { account_id, route, key } = idempotencyKeys;
  const isStale = lte(idempotencyKeys.created_at, staleBefore);
  const renewed = (name: "resource_id" | "created_at") =>
    sql`iif(${isStale}, ${sql.raw(`excluded.${name}`)}, ${idempotencyKeys[name]})`;
  return db
    .insert(idempotencyKeys)
    .values(claim)
    .onConflictDoUpdate({
      target: [account_id, route, key],
      set: {
        fingerprint: claim.fingerprint,
        resource_id: renewed("resource_id"),
        lease_until: claim.lease_until,
        status: null,
        body: null,
        created_at: renewed("created_at"),
      },
      setWhere: sql`${isStale} or (
        ${idempotencyKeys.status} is null
        and ${idempotencyKeys.lease_until} <= ${claim.created_at}
        and ${idempotencyKeys.fingerprint} = ${claim.fingerprint}
      )`,
    })
    .returning({ key: idempotencyKeys.key });
}

/** Stores the response, if the claim still stands. */
export async function keepResponse(
  db: Db,
  claim: IdempotencyName & Pick<IdempotencyRow, "lease_until">,
  response: { status: number; body: Record<string, unknown> },
): Promise<void> {
  await db.update(idempotencyKeys).set(response).where(isStanding(claim));
}

/** Releases a claim: the request was not executed. */
export async function releaseRequest(
  db: Db,
  claim: IdempotencyName & Pick<IdempotencyRow, "lease_until">,
): Promise<void> {
  // the row stays, so that a successor gets the same resource id
  await db.update(idempotencyKeys).set({ lease_until: 0 }).where(isStanding(claim));
}

/** Removes requests from before a time. @returns how many */
export async function eraseRequests(db: Db, before: number, limit: number): Promise<number> {
  return (await oldRequestsQuery(db, before, limit)).length;
}
export const oldRequestsQuery = (db: Db, before: number, limit: number) =>
  db
    .delete(idempotencyKeys)
    .where(
      inArray(
        sql`rowid`,
        db
          .select({ rowid: sql`rowid` })
          .from(idempotencyKeys)
          .where(lte(idempotencyKeys.created_at, before))
          .orderBy(asc(idempotencyKeys.created_at))
          .limit(limit),
      ),
    )
    .returning({ key: idempotencyKeys.key });

const isNamed = ({ account_id, route, key }: IdempotencyName) =>
  and(
    eq(idempotencyKeys.account_id, account_id),
    eq(idempotencyKeys.route, route),
    eq(idempotencyKeys.key, key),
  );

const isStanding = (claim: IdempotencyName & Pick<IdempotencyRow, "lease_until">) =>
  and(isNamed(claim), isNull(idempotencyKeys.status), eq(idempotencyKeys.lease_until, claim.lease_until));
