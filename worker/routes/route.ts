import type { Context } from "hono";
import type { z } from "zod";
import type { Endpoint } from "../../schema/api/endpoint.ts";
import { invalidRequest, issuesOf } from "../lib/api-error.ts";
import { readJson } from "../lib/body.ts";
import type { LogFields } from "../lib/log.ts";
import type { Account } from "../services/key-cache.ts";
import type { Scope } from "../services.ts";

/** What middleware leaves for handlers. */
export interface RequestVariables {
  readonly requestId: string;
  readonly scope: Scope;
  /** The caller; only behind `auth: "key"`. */
  readonly account: Account;
  /** Facts for the request's log line. */
  readonly facts: LogFields;
}
export type AppEnv = { Variables: RequestVariables };
export type AppContext = Context<AppEnv>;
export type Handler = (c: AppContext) => Promise<Response>;

type Parsed<T> = T extends z.ZodType ? z.output<T> : undefined;

/** The request of an endpoint, checked against its schemas. */
export interface RouteInput<E extends Endpoint> {
  readonly c: AppContext;
  readonly scope: Scope;
  readonly params: Parsed<E["params"]>;
  readonly query: Parsed<E["query"]>;
  readonly body: E["body"] extends { schema: infer S } ? Parsed<S> : undefined;
  /** The body as it was sent. */
  readonly sent: unknown;
}

/** An answer with a JSON body. */
export interface JsonAnswer {
  readonly status: 200 | 201 | 503;
  readonly body: unknown;
}

/**
 * The handler of an endpoint: path, query and body are checked first, so that `handle` sees only what its schemas
 * allow; the refusal names every member at fault.
 */
export function route<const E extends Endpoint>(
  endpoint: E,
  handle: (input: RouteInput<E>) => Promise<JsonAnswer | Response>,
): Handler {
  return async (c) => {
    const params = check(endpoint.params, c.req.param(), "path");
    const query = check(endpoint.query, c.req.query(), "query");
    const sent = endpoint.body ? await readBody(c.req.raw, endpoint.body) : undefined;
    const body = check(endpoint.body?.schema, sent, "body");
    const input = { c, scope: c.var.scope, params, query, body, sent };
    const answer = await handle(input as RouteInput<E>);
    return answer instanceof Response ? answer : c.json(answer.body, answer.status);
  };
}

async function readBody(request: Request, body: NonNullable<Endpoint["body"]>): Promise<unknown> {
  const sent = await readJson(request, body.maxBytes);
  return sent === undefined && !body.required ? {} : sent;
}

function check(schema: z.ZodType | undefined, value: unknown, root: string): unknown {
  if (!schema) return undefined;
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw invalidRequest(issuesOf(parsed.error, root));
  return parsed.data;
}

/** 200 with a JSON body. */
export const ok = (body: unknown): JsonAnswer => ({ status: 200, body });
/** 201 with a JSON body. */
export const created = (body: unknown): JsonAnswer => ({ status: 201, body });
