/** `npm run openapi -- [--openapi 3.0] [--server URL] [--public]`: prints the OpenAPI document. */
import { parseArgs } from "node:util";
import packageJson from "../package.json" with { type: "json" };
import { withoutOperator } from "../schema/openapi/without-operator.ts";
import { openApiDocument } from "../schema/openapi.ts";

const { values } = parseArgs({
  options: {
    openapi: { type: "string", default: "3.1" },
    server: { type: "string", default: "http://127.0.0.1:8787" },
    /** Only what callers of a marketplace may use. */
    public: { type: "boolean", default: false },
  },
});
const version = values.openapi.startsWith("3.0") ? "3.0.3" : "3.1.0";
const document = openApiDocument(values.server, packageJson.version, version);
console.log(JSON.stringify(values.public ? withoutOperator(document) : document, null, 2));
