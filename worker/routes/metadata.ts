import { endpoints } from "../../schema/api/endpoints.ts";
import { readMetadata } from "../services/sources/read-metadata.ts";
import { ok, route } from "./route.ts";

export const metadata = route(endpoints.metadata, async ({ scope, body }) =>
  ok(await readMetadata(scope, body.url)),
);
