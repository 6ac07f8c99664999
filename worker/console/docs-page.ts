/** The documentation: pages that are built from `docs/` and from the API's schemas, served by this Worker alone. */

/** What a page may load: style and script from its own origin, nothing inline. */
export const DOCS_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** The address that commands in the guides use; a page shows the server's own instead. */
export const LOCAL_URL = "http://127.0.0.1:8787";

/** Stands in built pages for the server's own address. */
export const SERVER_MARK = "{{server}}";

/** Files below `/docs/` that are not pages, by their ending. */
export const DOCS_TYPES: Readonly<Record<string, string>> = {
  md: "text/markdown; charset=utf-8",
  json: "application/json; charset=utf-8",
  txt: "text/plain; charset=utf-8",
  svg: "image/svg+xml",
  png: "image/png",
};
