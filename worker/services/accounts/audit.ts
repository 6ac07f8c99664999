import type { AuditAction, AuditEntry, AuditQuery } from "../../../schema/api/audit.ts";
import type { RequestContext } from "../../context.ts";
import { type AuditRow, auditPageQuery } from "../../db/audit-rows.ts";
import { pageOf } from "../../lib/page-of.ts";

/** The log of changes to accounts, keys and secrets; the batch that makes a change stores its entry. */

/** Who acts, and in which request. */
export interface Actor {
  /** `operator`, or the id of the key that called. */
  readonly name: string;
  /** Null for what the service does later on behalf of an earlier request. */
  readonly requestId: string | null;
}

interface AuditFacts {
  readonly action: AuditAction;
  /** Null if it concerns no single account. */
  readonly accountId: string | null;
  readonly subject?: string;
  /** Never a secret. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

export const auditRow = (
  context: RequestContext,
  by: Actor,
  { action, accountId, subject = "", detail = {} }: AuditFacts,
): AuditRow => ({
  id: context.newId(),
  at: context.clock(),
  actor: by.name,
  action,
  account_id: accountId ?? NO_ACCOUNT,
  subject: subject === "" ? null : subject,
  detail,
  request_id: by.requestId,
});

const NO_ACCOUNT = "";

/** A page of entries, newest first. */
export async function listAudit(context: RequestContext, { account_id, cursor, limit }: AuditQuery) {
  const filter = { accountId: account_id?.toLowerCase(), cursor: cursor?.toLowerCase() };
  const { page, next_cursor } = pageOf(await auditPageQuery(context.db, filter, limit + 1), limit);
  return { entries: page.map(viewEntry), next_cursor };
}

const viewEntry = (row: AuditRow): AuditEntry => ({
  ...row,
  action: row.action as AuditAction,
  account_id: row.account_id === NO_ACCOUNT ? null : row.account_id,
});
