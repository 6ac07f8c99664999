/** The documentation page: Swagger UI over `/openapi.json`, served entirely by this Worker. */

/** The assets that the page needs; no other asset below `/docs/` is served. */
export const DOCS_ASSETS: readonly string[] = ["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"];

/** The page's script, as a file, so that the page needs no inline script. */
export const DOCS_SCRIPT_NAME = "start.js";
export const DOCS_SCRIPT = `SwaggerUIBundle({ url: "/openapi.json", dom_id: "#docs", deepLinking: true });\n`;

/** What the page may load: its own origin only. Swagger UI sets styles on elements. */
export const DOCS_POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'";

export const DOCS_PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Waterspout API</title>
    <link rel="icon" href="/docs/favicon-32x32.png">
    <link rel="stylesheet" href="/docs/swagger-ui.css">
  </head>
  <body>
    <div id="docs"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/${DOCS_SCRIPT_NAME}"></script>
  </body>
</html>
`;
