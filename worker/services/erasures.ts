import { eraseDeliveries } from "../db/delivery-rows.ts";
import { eraseRequests } from "../db/idempotency-rows.ts";
import { eachPage } from "../lib/each-page.ts";
import { firstUuidOf } from "../lib/uuid.ts";
import type { Scope } from "../services.ts";
import { ANSWER_KEPT_MS } from "./run-once.ts";

/** What is erased on time, as parts of reconcile: each is bounded, and goes on the next time. */

/** For how long it can be seen what became of a notice, in milliseconds. */
const DELIVERY_LOG_MS = 30 * 24 * 60 * 60_000;
/** Rows that are erased by one statement. */
const ERASED_AT_ONCE = 500;

export const eraseOldDeliveries = (scope: Scope): Promise<number> =>
  erase((limit) => eraseDeliveries(scope.db, firstUuidOf(scope.clock() - DELIVERY_LOG_MS), limit));

export const eraseOldRequests = (scope: Scope): Promise<number> =>
  erase((limit) => eraseRequests(scope.db, scope.clock() - ANSWER_KEPT_MS, limit));

const erase = (rows: (limit: number) => Promise<number>): Promise<number> =>
  eachPage(async () => {
    const count = await rows(ERASED_AT_ONCE);
    return { count, more: count === ERASED_AT_ONCE };
  });
