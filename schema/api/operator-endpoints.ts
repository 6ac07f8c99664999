import { z } from "zod";
import { Id } from "../ids.ts";
import {
  Account,
  AccountChange,
  AccountList,
  CreatedKey,
  KeyList,
  KeyRoll,
  NewAccount,
  NewKey,
  PageQuery,
  RevokedKey,
  RolledKey,
} from "./account.ts";
import { AuditList, AuditQuery } from "./audit.ts";
import { type Endpoint, MAX_BODY_BYTES } from "./endpoint.ts";
import { AccountUsage, UsageQuery } from "./usage.ts";
import { Resealed } from "./user-storage.ts";

const idParam = z.object({ id: Id });
const keyParams = z.object({ id: Id, key_id: Id });
const json = <S extends z.ZodType>(schema: S, required = true) => ({
  schema,
  required,
  maxBytes: MAX_BODY_BYTES,
});

/** Routes of the operator. What they change is written down: `GET /admin/audit`. */
export const operatorEndpoints = {
  createAccount: {
    method: "POST",
    path: "/admin/accounts",
    auth: "admin",
    tag: "Operator",
    summary: "Create an account",
    body: json(NewAccount),
    responses: { 201: { description: "The account", schema: Account } },
    errors: ["invalid_request", "payload_too_large"],
  },
  listAccounts: {
    method: "GET",
    path: "/admin/accounts",
    auth: "admin",
    tag: "Operator",
    summary: "List accounts, newest first",
    query: PageQuery,
    responses: { 200: { description: "A page of accounts", schema: AccountList } },
    errors: ["invalid_request"],
  },
  getAccount: {
    method: "GET",
    path: "/admin/accounts/{id}",
    auth: "admin",
    tag: "Operator",
    summary: "Read an account",
    params: idParam,
    responses: { 200: { description: "The account", schema: Account } },
    errors: ["invalid_request", "not_found"],
  },
  changeAccount: {
    method: "PATCH",
    path: "/admin/accounts/{id}",
    auth: "admin",
    tag: "Operator",
    summary: "Rename, limit, disable or enable an account",
    params: idParam,
    body: json(AccountChange),
    responses: { 200: { description: "The account", schema: Account } },
    errors: ["invalid_request", "not_found", "payload_too_large"],
  },
  getAccountUsage: {
    method: "GET",
    path: "/admin/accounts/{id}/usage",
    auth: "admin",
    tag: "Operator",
    summary: "What an account and each of its keys used in a month",
    params: idParam,
    query: UsageQuery,
    responses: { 200: { description: "The usage", schema: AccountUsage } },
    errors: ["invalid_request", "not_found"],
  },
  createKey: {
    method: "POST",
    path: "/admin/accounts/{id}/keys",
    auth: "admin",
    tag: "Operator",
    summary: "Create a key; it is shown only once",
    params: idParam,
    body: json(NewKey, false),
    responses: { 201: { description: "The key", schema: CreatedKey } },
    errors: ["invalid_request", "not_found", "payload_too_large"],
  },
  listKeys: {
    method: "GET",
    path: "/admin/accounts/{id}/keys",
    auth: "admin",
    tag: "Operator",
    summary: "List the keys of an account",
    params: idParam,
    responses: { 200: { description: "Its keys, masked", schema: KeyList } },
    errors: ["invalid_request", "not_found"],
  },
  rollKey: {
    method: "POST",
    path: "/admin/accounts/{id}/keys/{key_id}/roll",
    auth: "admin",
    tag: "Operator",
    summary:
      "Put a new key in the place of one, which goes on working for a while; the new one is shown this once",
    params: keyParams,
    body: json(KeyRoll, false),
    responses: { 201: { description: "The new key", schema: RolledKey } },
    errors: ["invalid_request", "not_found", "payload_too_large"],
  },
  revokeKey: {
    method: "DELETE",
    path: "/admin/accounts/{id}/keys/{key_id}",
    auth: "admin",
    tag: "Operator",
    summary: "Revoke a key; it stops within 60 seconds",
    params: keyParams,
    responses: { 200: { description: "Revoked", schema: RevokedKey } },
    errors: ["invalid_request", "not_found"],
  },
  listAudit: {
    method: "GET",
    path: "/admin/audit",
    auth: "admin",
    tag: "Operator",
    summary: "Audit log of accounts, keys and secrets, newest first",
    query: AuditQuery,
    responses: { 200: { description: "A page of entries", schema: AuditList } },
    errors: ["invalid_request"],
  },
  reseal: {
    method: "POST",
    path: "/admin/reseal",
    auth: "admin",
    tag: "Operator",
    summary: "Reseal a page of stored secrets with the newest of SEALING_KEYS",
    responses: { 200: { description: "Progress of the resealing", schema: Resealed } },
    errors: [],
  },
  metrics: {
    method: "GET",
    path: "/admin/metrics",
    auth: "admin",
    tag: "Operator",
    summary: "Sizes and backlogs in Prometheus' text format",
    responses: { 200: { description: "The metrics", contentType: "text/plain" } },
    errors: [],
  },
} as const satisfies Record<string, Endpoint>;
