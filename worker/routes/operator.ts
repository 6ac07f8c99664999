import { endpoints } from "../../schema/api/endpoints.ts";
import { METRICS_TYPE } from "../../schema/telemetry/prometheus.ts";
import { changeAccount, createAccount, listAccounts, readAccount } from "../services/accounts/accounts.ts";
import { listAudit } from "../services/accounts/audit.ts";
import { createKey, listKeys, revokeKey, rollKey } from "../services/accounts/keys.ts";
import { viewAccountUsage } from "../services/accounts/usage.ts";
import { eraseAccount, listErasures, readErasure } from "../services/erasure/accounts.ts";
import { changeExit, listExits, putExit, removeExit } from "../services/exits/exits.ts";
import { renderMetrics } from "../services/maintenance/metrics.ts";
import { reseal } from "../services/storage/reseal.ts";
import {
  createDenial,
  listDenials,
  listTakedownJobs,
  readDenial,
  removeDenial,
  takeDown,
} from "../services/takedowns/denials.ts";
import { actorOf } from "./actor.ts";
import { accepted, created, ok, route } from "./route.ts";

/** Handlers of the routes with the tag Operator. */
export const operatorHandlers = {
  createAccount: route(endpoints.createAccount, async ({ c, context, body }) =>
    created(await createAccount(context, actorOf(c), body)),
  ),

  listAccounts: route(endpoints.listAccounts, async ({ context, query }) =>
    ok(await listAccounts(context, query)),
  ),

  getAccount: route(endpoints.getAccount, async ({ context, params }) =>
    ok(await readAccount(context, params.id)),
  ),

  changeAccount: route(endpoints.changeAccount, async ({ c, context, params, body }) =>
    ok(await changeAccount(context, actorOf(c), params.id, body)),
  ),

  getAccountUsage: route(endpoints.getAccountUsage, async ({ context, params, query }) =>
    ok(await viewAccountUsage(context, params.id, query.period)),
  ),

  createKey: route(endpoints.createKey, async ({ c, context, params, body }) =>
    created(await createKey(context, actorOf(c), params.id, body)),
  ),

  listKeys: route(endpoints.listKeys, async ({ context, params }) => ok(await listKeys(context, params.id))),

  rollKey: route(endpoints.rollKey, async ({ c, context, params, body }) =>
    created(await rollKey(context, actorOf(c), params.id, params.key_id, body)),
  ),

  revokeKey: route(endpoints.revokeKey, async ({ c, context, params }) => {
    await revokeKey(context, actorOf(c), params.id, params.key_id);
    return ok({ message: "Key revoked", id: params.key_id });
  }),

  listExits: route(endpoints.listExits, async ({ context }) => ok(await listExits(context))),

  putExit: route(endpoints.putExit, async ({ c, context, body }) =>
    created(await putExit(context, actorOf(c), body)),
  ),

  changeExit: route(endpoints.changeExit, async ({ c, context, params, body }) =>
    ok(await changeExit(context, actorOf(c), params.name, body)),
  ),

  removeExit: route(endpoints.removeExit, async ({ c, context, params }) => {
    await removeExit(context, actorOf(c), params.name);
    return ok({ message: "Exit removed", name: params.name });
  }),

  createDenial: route(endpoints.createDenial, async ({ c, context, body }) =>
    created(await createDenial(context, actorOf(c), body)),
  ),

  listDenials: route(endpoints.listDenials, async ({ context, query }) =>
    ok(await listDenials(context, query)),
  ),

  getDenial: route(endpoints.getDenial, async ({ context, params }) =>
    ok(await readDenial(context, params.id)),
  ),

  removeDenial: route(endpoints.removeDenial, async ({ c, context, params }) => {
    await removeDenial(context, actorOf(c), params.id);
    return ok({ message: "Denial removed", id: params.id });
  }),

  takeDown: route(endpoints.takeDown, async ({ c, context, params }) =>
    ok(await takeDown(context, actorOf(c), params.id)),
  ),

  listTakedownJobs: route(endpoints.listTakedownJobs, async ({ context, params, query }) =>
    ok(await listTakedownJobs(context, params.id, query)),
  ),

  eraseAccount: route(endpoints.eraseAccount, async ({ c, context, params, query }) =>
    accepted(await eraseAccount(context, actorOf(c), params.id, query)),
  ),

  listErasures: route(endpoints.listErasures, async ({ context, query }) =>
    ok(await listErasures(context, query)),
  ),

  getErasure: route(endpoints.getErasure, async ({ context, params }) =>
    ok(await readErasure(context, params.id)),
  ),

  listAudit: route(endpoints.listAudit, async ({ context, query }) => ok(await listAudit(context, query))),

  metrics: route(endpoints.metrics, async ({ c, context }) =>
    c.text(await renderMetrics(context), 200, { "content-type": METRICS_TYPE }),
  ),

  reseal: route(endpoints.reseal, async ({ c, context }) => ok(await reseal(context, actorOf(c)))),
};
