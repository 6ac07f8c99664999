import { endpoints } from "../../schema/api/endpoints.ts";
import { changeAccount, createAccount, listAccounts, readAccount } from "../services/accounts/accounts.ts";
import { listAudit } from "../services/accounts/audit.ts";
import { createKey, listKeys, revokeKey, rollKey } from "../services/accounts/keys.ts";
import { viewAccountUsage } from "../services/accounts/usage.ts";
import { reseal } from "../services/storage/reseal.ts";
import { actorOf } from "./actor.ts";
import { created, ok, route } from "./route.ts";

/** Handlers of the routes with the tag Operator. */
export const operatorHandlers = {
  createAccount: route(endpoints.createAccount, async ({ c, scope, body }) =>
    created(await createAccount(scope, actorOf(c), body)),
  ),

  listAccounts: route(endpoints.listAccounts, async ({ scope, query }) =>
    ok(await listAccounts(scope, query)),
  ),

  getAccount: route(endpoints.getAccount, async ({ scope, params }) =>
    ok(await readAccount(scope, params.id)),
  ),

  changeAccount: route(endpoints.changeAccount, async ({ c, scope, params, body }) =>
    ok(await changeAccount(scope, actorOf(c), params.id, body)),
  ),

  getAccountUsage: route(endpoints.getAccountUsage, async ({ scope, params, query }) =>
    ok(await viewAccountUsage(scope, params.id, query.period)),
  ),

  createKey: route(endpoints.createKey, async ({ c, scope, params, body }) =>
    created(await createKey(scope, actorOf(c), params.id, body)),
  ),

  listKeys: route(endpoints.listKeys, async ({ scope, params }) => ok(await listKeys(scope, params.id))),

  rollKey: route(endpoints.rollKey, async ({ c, scope, params, body }) =>
    created(await rollKey(scope, actorOf(c), params.id, params.key_id, body)),
  ),

  revokeKey: route(endpoints.revokeKey, async ({ c, scope, params }) => {
    await revokeKey(scope, actorOf(c), params.id, params.key_id);
    return ok({ message: "Key revoked", id: params.key_id });
  }),

  listAudit: route(endpoints.listAudit, async ({ scope, query }) => ok(await listAudit(scope, query))),

  reseal: route(endpoints.reseal, async ({ c, scope }) => ok(await reseal(scope, actorOf(c)))),
};
