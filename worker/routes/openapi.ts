import { endpoints } from "../../schema/api/endpoints.ts";
import { openApiDocument } from "../../schema/openapi.ts";
import { VERSION } from "../lib/version.ts";
import { ok, route } from "./route.ts";

export const openapi = route(endpoints.openapi, async ({ scope }) =>
  ok(openApiDocument(scope.config.publicUrl, VERSION)),
);
