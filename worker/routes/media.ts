import { endpoints } from "../../schema/api/endpoints.ts";
import { judgeShort, readMetadata } from "../services/sources/read-metadata.ts";
import { ok, type RouteInput, route } from "./route.ts";

const metadataOf = ({
  c,
  context,
  body,
}: Pick<RouteInput<typeof endpoints.metadata>, "c" | "context" | "body">) =>
  readMetadata(context, { accountId: c.var.account.id, cookies: body.cookies }, body.url);

/** Handlers of the routes with the tag Media. */
export const mediaHandlers = {
  metadata: route(endpoints.metadata, async (input) => ok(await metadataOf(input))),

  isShort: route(endpoints.isShort, async (input) => ok(judgeShort(await metadataOf(input)))),
};
