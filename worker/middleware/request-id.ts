import { createMiddleware } from "hono/factory";
import type { AppEnv } from "../routes/route.ts";
import { setHeaders } from "./set-headers.ts";

/** A caller's own id is used if it is harmless in a log. */
const SANE = /^[\w.-]{8,128}$/;

/** Gives every request an id and reports it on every response. */
export const requestId = createMiddleware<AppEnv>(async (c, next) => {
  const asked = c.req.header("x-request-id") ?? "";
  const id = SANE.test(asked) ? asked : crypto.randomUUID();
  c.set("requestId", id);
  await next();
  setHeaders(c, { "x-request-id": id });
});
