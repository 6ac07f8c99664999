import { endpoints } from "../../schema/api/endpoints.ts";
import { VERSION } from "../lib/version.ts";
import { ok, route } from "./route.ts";

export const alive = route(endpoints.alive, async ({ scope }) => {
  const { isolation = null, tools = null } = await scope.runner.health();
  return ok({ status: "ok", version: VERSION, tools, isolation });
});
