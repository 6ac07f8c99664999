import { endpoints } from "../../schema/api/endpoints.ts";
import { judgeShort, readMetadata } from "../services/sources/read-metadata.ts";
import { ok, route } from "./route.ts";

/** Handlers of the routes with the tag Media. */
export const mediaHandlers = {
  metadata: route(endpoints.metadata, async ({ context, body }) => ok(await readMetadata(context, body.url))),

  isShort: route(endpoints.isShort, async ({ context, body }) =>
    ok(judgeShort(await readMetadata(context, body.url))),
  ),
};
