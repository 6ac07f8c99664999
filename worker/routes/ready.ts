import { endpoints } from "../../schema/api/endpoints.ts";
import { readiness } from "../services/maintenance/readiness.ts";
import { route } from "./route.ts";

export const ready = route(endpoints.ready, async ({ scope }) => {
  const body = await readiness(scope);
  return { status: body.status === "ready" ? 200 : 503, body };
});
