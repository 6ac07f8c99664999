import { z } from "zod";
import { Id, Time } from "../ids.ts";
import { PageQuery } from "./account.ts";

/** Actions of the operator and of accounts that changed accounts, keys or secrets. */

export const AUDIT_ACTIONS = [
  "account.created",
  "account.changed",
  "account.disabled",
  "account.enabled",
  "key.created",
  "key.rolled",
  "key.revoked",
  "secrets.resealed",
  "exit.set",
  "exit.changed",
  "exit.removed",
  "denied.created",
  "denied.removed",
  "denied.takedown_started",
  "denied.takedown_finished",
  "account.erasure_started",
  "account.erased",
  "storage.set",
  "storage.removed",
  "cookies.set",
  "cookies.removed",
  "webhook_secret.rotated",
  "slack.set",
  "slack.removed",
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

export const AuditEntry = z
  .object({
    id: Id,
    at: Time,
    actor: z.string().describe("`operator`, or the id of the key that called"),
    action: z.enum(AUDIT_ACTIONS),
    account_id: Id.nullable().describe("Null if it concerns no single account"),
    subject: z.string().nullable().describe("What was changed, if it is not the account itself"),
    detail: z.record(z.string(), z.unknown()).describe("What was changed; never a secret"),
    request_id: z.string().nullable(),
  })
  .meta({ id: "AuditEntry" });
export type AuditEntry = z.infer<typeof AuditEntry>;

/** Query of `GET /admin/audit`; the newest come first. */
export const AuditQuery = PageQuery.extend({ account_id: Id.optional() });
export type AuditQuery = z.output<typeof AuditQuery>;

export const AuditList = z
  .object({ entries: z.array(AuditEntry), next_cursor: Id.nullable() })
  .meta({ id: "AuditList" });
