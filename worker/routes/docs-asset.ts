import { DOCS_ASSETS, DOCS_SCRIPT, DOCS_SCRIPT_NAME } from "../console/docs-page.ts";
import { notFound } from "../lib/api-error.ts";
import type { Handler } from "./route.ts";

/** `GET /docs/{file}`: the few files of the documentation page, from the Worker's own assets. */
export const docsAsset: Handler = async (c) => {
  const file = c.req.param("file") ?? "";
  if (file === DOCS_SCRIPT_NAME)
    return c.body(DOCS_SCRIPT, 200, { "content-type": "text/javascript; charset=utf-8" });
  if (!DOCS_ASSETS.includes(file)) throw notFound();
  const asset = await c.var.scope.assets.fetch(`http://assets/${file}`);
  return new Response(asset.body, asset);
};
