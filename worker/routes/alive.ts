import { endpoints } from "../../schema/api/endpoints.ts";
import { VERSION } from "../lib/version.ts";
import { ok, route } from "./route.ts";

export const alive = route(endpoints.alive, async () => ok({ status: "ok", version: VERSION }));
