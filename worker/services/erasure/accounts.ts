import type { z } from "zod";
import type { PageQuery } from "../../../schema/api/account.ts";
import {
  ERASED_KINDS,
  type Erasure,
  type ErasureQuery,
  KEPT_BECAUSE,
  KEPT_KINDS,
} from "../../../schema/api/operator/erasure.ts";
import type { RequestContext } from "../../context.ts";
import * as rows from "../../db/rights/erasure-rows.ts";
import { notFound } from "../../lib/api-error.ts";
import { pageOf } from "../../lib/page-of.ts";
import { requireAccount } from "../accounts/accounts.ts";
import { type Actor, auditRow } from "../accounts/audit.ts";
import { KNOWN_MS } from "../accounts/key-cache.ts";

/** The operator's actions on erasures. */

/** Requests that were let in before every isolate knew that the account is closed have ended by then, in milliseconds. */
const CLOSING_MS = KNOWN_MS + 30_000;

/**
 * Closes an account at once and erases it with everything that belongs to it, from the next minutes on. A repeated
 * request gets the erasure that is under way.
 *
 * @throws ApiError `not_found`
 */
export async function eraseAccount(
  context: RequestContext,
  by: Actor,
  accountId: string,
  { own_storage }: z.output<typeof ErasureQuery>,
): Promise<Erasure> {
  const account = await requireAccount(context, accountId);
  const now = context.clock();
  const id = context.newId();
  const audit = auditRow(context, by, {
    ...{ action: "account.erasure_started", accountId: account.id, detail: { own_storage, erasure_id: id } },
  });
  const stored = await rows.beginErasure(
    context.db,
    {
      ...{ id, account_id: account.id, own_storage, phase: "closing", counts: {}, kept: {} },
      ...{ requested_at: now, work_due_at: now + CLOSING_MS },
    },
    audit,
  );
  if (!stored) throw notFound("account");
  return viewErasure(stored);
}

/** A page of erasures, newest first. */
export async function listErasures(context: RequestContext, { cursor, limit }: z.output<typeof PageQuery>) {
  const found = await rows.erasurePageQuery(context.db, cursor?.toLowerCase(), limit + 1);
  const { page, next_cursor } = pageOf(found, limit);
  return { erasures: page.map(viewErasure), next_cursor };
}

/** @throws ApiError `not_found` */
export async function readErasure(context: RequestContext, id: string): Promise<Erasure> {
  const erasure = await rows.findErasure(context.db, id.toLowerCase());
  if (!erasure) throw notFound("erasure");
  return viewErasure(erasure);
}

function viewErasure(row: rows.ErasureRow): Erasure {
  const { id, phase, account_id, own_storage, last_error, requested_at, finished_at } = row;
  return {
    ...{ id, status: finished_at === null ? "running" : "finished", phase, account_id, own_storage },
    erased: ERASED_KINDS.flatMap((kind) => {
      const count = row.counts[kind] ?? 0;
      return count === 0 ? [] : [{ kind, count }];
    }),
    kept: KEPT_KINDS.flatMap((kind) => {
      const count = row.kept[kind] ?? 0;
      return count === 0 ? [] : [{ kind, count, why: KEPT_BECAUSE[kind] }];
    }),
    ...{ last_error, requested_at, finished_at },
  };
}
