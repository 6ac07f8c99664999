import { endpoints } from "../../schema/api/endpoints.ts";
import { readSlack } from "../services/webhooks/slack.ts";
import { ok, route } from "./route.ts";

export const getSlack = route(endpoints.getSlack, async ({ c, scope }) =>
  ok(await readSlack(scope, c.var.account.id)),
);
