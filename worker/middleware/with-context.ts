import type { MiddlewareHandler } from "hono";
import { parseTraceparent } from "../../schema/telemetry/trace-context.ts";
import { createContext } from "../composition.ts";
import type { Services } from "../context.ts";
import type { AppEnv } from "../routes/route.ts";
import { setHeaders } from "./set-headers.ts";

/** Identifies the state of the database that a response has seen; when it is sent back, the next read sees at least that. */
export const BOOKMARK_HEADER = "x-waterspout-bookmark";

/** The form that D1 uses; anything else is ignored. */
const BOOKMARK = /^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$/;

/**
 * Creates the request's context. Reads begin at the caller's bookmark or at the nearest replica, everything else at
 * the primary.
 */
export function withContext(services: Services): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const bookmark = c.req.header(BOOKMARK_HEADER) ?? "";
    const nearest = BOOKMARK.test(bookmark) ? bookmark : "first-unconstrained";
    const isRead = c.req.method === "GET" || c.req.method === "HEAD";
    const context = createContext(
      services,
      (work) => c.executionCtx.waitUntil(work),
      isRead ? nearest : "first-primary",
      services.tracer.begin(parseTraceparent(c.req.header("traceparent"))),
    );
    c.set("context", context);
    await next();
    const seen = context.connection.bookmark;
    if (seen !== null) setHeaders(c, { [BOOKMARK_HEADER]: seen });
  };
}
