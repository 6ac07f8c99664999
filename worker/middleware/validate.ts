import { zValidator } from "@hono/zod-validator";
import type { MiddlewareHandler } from "hono";
import { z } from "zod";
import { type Endpoint, MAX_BODY_BYTES, refusesBody } from "../../schema/api/endpoint.ts";
import type { Issue } from "../../schema/api/error.ts";
import { type UnknownMember, unknownMembers } from "../../schema/api/unknown-members.ts";
import type { Adjustment } from "../../schema/media.ts";
import { invalidMember, invalidRequest, issuesOf } from "../lib/api-error.ts";
import { readText } from "../lib/body.ts";
import type { AppEnv } from "../routes/route.ts";

type Middleware = MiddlewareHandler<AppEnv>;
type Body = NonNullable<Endpoint["body"]>;

/** Of an endpoint that takes nothing: what is sent all the same was meant to change something. */
const NO_MEMBERS: Body = { schema: z.object({}), required: false, maxBytes: MAX_BODY_BYTES };

/**
 * Checks path, query and body of an endpoint against its schemas, in this order. The error names every invalid field.
 * The results are what `c.req.valid()` returns.
 */
export function validate(endpoint: Endpoint): Middleware[] {
  const { params, query, body = refusesBody(endpoint) ? NO_MEMBERS : undefined } = endpoint;
  return [
    ...(params ? [zValidator("param", params, refuse("path")) as Middleware] : []),
    ...(query ? [validateQuery(query)] : []),
    ...(body ? [validateBody(body)] : []),
  ];
}

function validateQuery(schema: z.ZodObject): Middleware {
  return zValidator("query", schema, refuse("query"), {
    validationFunction: (_, value) => schema.safeParse(membersOf(value)),
  }) as Middleware;
}

/**
 * The members of a query: `name[key]=value` is a pair of the object `name`. Of a repeated parameter, the first value
 * counts.
 */
function membersOf(query: Readonly<Record<string, string | string[] | undefined>>): Record<string, unknown> {
  const members = new Map<string, unknown>();
  const objects = new Map<string, Map<string, unknown>>();
  for (const [name, values] of Object.entries(query)) {
    const value = Array.isArray(values) ? values[0] : values;
    const [, object, key] = /^(\w+)\[(.*)\]$/s.exec(name) ?? [];
    if (object === undefined || key === undefined) members.set(name, value);
    else objects.set(object, (objects.get(object) ?? new Map<string, unknown>()).set(key, value));
  }
  for (const [name, pairs] of objects) members.set(name, Object.fromEntries(pairs));
  return Object.fromEntries(members);
}

/**
 * Reads a body of bounded size, whatever type it declares, because our clients need not declare one. Members that the
 * schema does not know are reported as adjustments, or refused together with other errors.
 */
function validateBody({ schema, unknownMembers: mode, maxBytes, required }: Body): Middleware {
  return async (c, next) => {
    const sent = parseJson(await readText(c.req.raw, maxBytes), required);
    const unknown = unknownMembers(schema, sent);
    c.set("sent", sent);
    c.set("ignored", unknown.map(adjustmentOf));
    const result = schema.safeParse(sent);
    const unwanted = mode === "reported" ? [] : unknown.map(issueOf);
    const issues = result.success ? [] : issuesOf(result.error, "body");
    if (!result.success || unwanted.length > 0) throw invalidRequest([...unwanted, ...issues]);
    c.req.addValidatedData("json", result.data as object);
    await next();
  };
}

function parseJson(text: string, required: boolean): unknown {
  const isEmpty = text.trim() === "";
  if (isEmpty && required) throw invalidMember("body", "is required");
  try {
    return JSON.parse(isEmpty ? "{}" : text);
  } catch {
    throw invalidMember("body", "must be valid JSON");
  }
}

type Result = { readonly success: true } | { readonly success: false; readonly error: z.core.$ZodError };

/** A validator's hook that throws our error. */
const refuse = (root: string) => (result: Result) => {
  if (!result.success) throw invalidRequest(issuesOf(result.error, root));
};

const issueOf = ({ path, suggestion }: UnknownMember): Issue => ({
  path,
  message: `is not a known field${suggestion === null ? "" : `; did you mean ${suggestion}?`}`,
});

/** Leaves the value out, because it may be a misplaced secret. */
const adjustmentOf = ({ path, suggestion }: UnknownMember): Adjustment => ({
  field: path,
  from: null,
  to: null,
  reason: `Unknown field; ignored${suggestion === null ? "" : ` (did you mean ${suggestion}?)`}`,
});
