import { endpoints } from "../../schema/api/endpoints.ts";
import { judgeShort, readMetadata } from "../services/sources/read-metadata.ts";
import { ok, route } from "./route.ts";

/** Handlers of the routes with the tag Media. */
export const mediaHandlers = {
  metadata: route(endpoints.metadata, async ({ scope, body }) => ok(await readMetadata(scope, body.url))),

  isShort: route(endpoints.isShort, async ({ scope, body }) =>
    ok(judgeShort(await readMetadata(scope, body.url))),
  ),
};
