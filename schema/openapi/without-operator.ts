import type { Json } from "./json.ts";

/** Routes that callers of a marketplace cannot use. */
const CLOSED = /^\/(admin|user|console|docs)\b|^\/(openapi\.json)?$/;

/** The document as a marketplace publishes it: without the operator's routes and without settings of accounts. */
export function withoutOperator(document: Json): Json {
  const paths = Object.entries(document.paths as Json).filter(([path]) => !CLOSED.test(path));
  return { ...document, paths: Object.fromEntries(paths) };
}
