import { cookieEndpoints as endpoints } from "../../schema/api/cookies/endpoints.ts";
import { deleteJar, listJars, OPERATOR, setJar } from "../services/cookies/jars.ts";
import { actorOf } from "./actor.ts";
import { ok, route } from "./route.ts";

/** Cookies of an account, and those of the operator. */
export const cookiesHandlers = {
  listCookies: route(endpoints.listCookies, async ({ c, context }) =>
    ok(await listJars(context, c.var.account.id)),
  ),

  setCookies: route(endpoints.setCookies, async ({ c, context, params, body }) =>
    ok(await setJar(context, actorOf(c), c.var.account.id, { ...params, ...body })),
  ),

  removeCookies: route(endpoints.removeCookies, async ({ c, context, params }) =>
    ok({ message: await deleteJar(context, actorOf(c), c.var.account.id, params.site) }),
  ),

  listOperatorCookies: route(endpoints.listOperatorCookies, async ({ context }) =>
    ok(await listJars(context, OPERATOR)),
  ),

  setOperatorCookies: route(endpoints.setOperatorCookies, async ({ c, context, params, body }) =>
    ok(await setJar(context, actorOf(c), OPERATOR, { ...params, ...body })),
  ),

  removeOperatorCookies: route(endpoints.removeOperatorCookies, async ({ c, context, params }) =>
    ok({ message: await deleteJar(context, actorOf(c), OPERATOR, params.site) }),
  ),
};
