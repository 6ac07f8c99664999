import type { Context } from "hono";
import type { z } from "zod";
import type { Endpoint } from "../../schema/api/endpoint.ts";
import type { Adjustment } from "../../schema/media.ts";
import type { RequestContext } from "../context.ts";
import type { LogFields } from "../lib/log.ts";
import type { Account } from "../services/accounts/key-cache.ts";
import { idempotencyKeyOf, runOnce } from "../services/intake/run-once.ts";

/** Values that middleware sets for handlers. */
export interface RequestVariables {
  readonly requestId: string;
  readonly context: RequestContext;
  /** The caller; only behind `auth: "key"`. */
  readonly account: Account;
  /** Fields for the request's log line. */
  readonly facts: LogFields;
  /** The body as it was sent; only for endpoints with a body. */
  readonly sent: unknown;
  /** Members of the body that are not known, where the endpoint reports them; elsewhere they are refused. */
  readonly ignored: readonly Adjustment[];
}
export type AppEnv = { Variables: RequestVariables };
export type AppContext = Context<AppEnv>;
export type Handler = (c: AppContext) => Promise<Response>;

/** What the validators of `worker/middleware/validate.ts` have checked. */
type ValidatedContext = Context<
  AppEnv,
  string,
  { out: Record<"param" | "query" | "json", unknown>; in: Record<"param" | "query" | "json", unknown> }
>;

type Parsed<T> = T extends z.ZodType ? z.output<T> : undefined;

/** The request of an endpoint, checked against its schemas. */
export interface RouteInput<E extends Endpoint> {
  readonly c: AppContext;
  readonly context: RequestContext;
  readonly params: Parsed<E["params"]>;
  readonly query: Parsed<E["query"]>;
  readonly body: E["body"] extends { schema: infer S } ? Parsed<S> : undefined;
  /** The body as it was sent. */
  readonly sent: unknown;
  /** Members of the body that are not known, where the endpoint reports them; elsewhere they are refused. */
  readonly ignored: readonly Adjustment[];
  /** Id for what the request creates: the same if the request is executed again with its idempotency key. */
  readonly resourceId: string;
}

/** A response with a JSON body. */
export interface JsonResponse {
  readonly status: 200 | 201 | 202 | 503;
  readonly body: unknown;
}

/**
 * The handler of an endpoint. Path, query and body were checked before it, so that `handle` sees only what its schemas
 * allow.
 */
export function route<const E extends Endpoint>(
  endpoint: E,
  handle: (input: RouteInput<E>) => Promise<JsonResponse | Response>,
): Handler {
  return async (c) => {
    const { context, sent, ignored } = c.var;
    const { req } = c as ValidatedContext;
    const checked = { params: req.valid("param"), query: req.valid("query"), body: req.valid("json") };
    const execute = (resourceId: string) =>
      handle({ c, context, ...checked, sent, ignored, resourceId } as RouteInput<E>);
    const key = endpoint.idempotent ? idempotencyKeyOf(c.req.raw.headers) : null;
    if (key !== null) return respondOnce(c, key, sent, execute);
    const response = await execute(context.newId());
    return response instanceof Response ? response : c.json(response.body, response.status);
  };
}

/** Executes the request of an idempotency key once, even if it is repeated or a Worker dies meanwhile. */
async function respondOnce(
  c: AppContext,
  key: string,
  sent: unknown,
  execute: (resourceId: string) => Promise<JsonResponse | Response>,
): Promise<Response> {
  const request = {
    accountId: c.var.account.id,
    route: `${c.req.method} ${c.req.path}`,
    key,
    body: sent,
  };
  const { status, body, replayed } = await runOnce(c.var.context, request, async (resourceId) => {
    const response = await execute(resourceId);
    if (response instanceof Response) throw new TypeError("only JSON responses can be repeated");
    return { status: response.status, body: response.body as Record<string, unknown> };
  });
  if (!replayed) return c.json(body, status as 200);
  c.header("idempotent-replayed", "true");
  // an error carries the id of the present request
  const request_id = status >= 400 ? { request_id: c.get("requestId") } : {};
  return c.json({ ...body, ...request_id, cached: true }, status as 200);
}

/** 200 with a JSON body. */
export const ok = (body: unknown): JsonResponse => ({ status: 200, body });
/** 202 with a JSON body. */
export const accepted = (body: unknown): JsonResponse => ({ status: 202, body });
/** 201 with a JSON body. */
export const created = (body: unknown): JsonResponse => ({ status: 201, body });
