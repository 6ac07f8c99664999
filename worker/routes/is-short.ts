import { endpoints } from "../../schema/api/endpoints.ts";
import { judgeShort, readMetadata } from "../services/sources/read-metadata.ts";
import { ok, route } from "./route.ts";

export const isShort = route(endpoints.isShort, async ({ scope, body }) =>
  ok(judgeShort(await readMetadata(scope, body.url))),
);
