import type { Hono } from "hono";
import { ApiError, notFound } from "../lib/api-error.ts";
import type { AppContext, AppEnv } from "../routes/route.ts";

/**
 * Refuses what no route serves: 405 with the header `Allow` if the path has other methods, else 404.
 *
 * @throws ApiError `method_not_allowed` or `not_found`, always
 */
export function noRoute(app: Hono<AppEnv>): (c: AppContext) => never {
  return ({ req }) => {
    const methods = methodsOf(app, req.path);
    if (methods.length === 0) throw notFound("route");
    const allow = methods.join(", ");
    throw new ApiError("method_not_allowed", {
      sentence: `This route does not take ${req.method}; it takes ${allow}`,
      allow,
    });
  };
}

/** The methods that routes of this path take. */
function methodsOf(app: Hono<AppEnv>, path: string): string[] {
  const served = app.routes.filter(({ method, path: pattern }) => method !== "ALL" && fits(pattern, path));
  // a HEAD is answered as the GET without its body
  const methods = served.flatMap(({ method }) => (method === "GET" ? ["GET", "HEAD"] : [method]));
  return [...new Set(methods)].sort();
}

/** @example fits("/jobs/:id", "/jobs/7") // true */
function fits(pattern: string, path: string): boolean {
  const [wanted, given] = [pattern.split("/"), path.split("/")];
  return (
    wanted.length === given.length &&
    wanted.every((segment, i) => (segment.startsWith(":") ? given[i] !== "" : segment === given[i]))
  );
}
