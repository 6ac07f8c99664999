import { zValidator } from "@hono/zod-validator";
import type { MiddlewareHandler } from "hono";
import { HTTPException } from "hono/http-exception";
import type { z } from "zod";
import type { Endpoint } from "../../schema/api/endpoint.ts";
import type { Issue } from "../../schema/api/error.ts";
import { type UnknownMember, unknownMembers } from "../../schema/api/unknown-members.ts";
import type { Adjustment } from "../../schema/media.ts";
import { invalidMember, invalidRequest, issuesOf } from "../lib/api-error.ts";
import { readText } from "../lib/body.ts";
import type { AppEnv } from "../routes/route.ts";

type Middleware = MiddlewareHandler<AppEnv>;
type Body = NonNullable<Endpoint["body"]>;

/**
 * Checks path, query and body of an endpoint against its schemas, in this order. A refusal names every member at fault.
 * The results are what `c.req.valid()` returns.
 */
export function validate({ params, query, body }: Endpoint): Middleware[] {
  return [
    ...(params ? [zValidator("param", params, refuse("path")) as Middleware] : []),
    ...(query ? [validateQuery(query)] : []),
    ...(body ? [boundBody(body), validateBody(body)] : []),
  ];
}

/** A parameter that is repeated counts once: its first value. */
function validateQuery(schema: z.ZodObject): Middleware {
  return zValidator("query", schema, refuse("query"), {
    validationFunction: (_, value) =>
      schema.safeParse(
        Object.fromEntries(
          Object.entries(value).map(([name, first]) => [name, Array.isArray(first) ? first[0] : first]),
        ),
      ),
  }) as Middleware;
}

/**
 * Reads a body of bounded size and puts its text in the place of the stream. The validator reads it from there, and it
 * skips what is not declared to be JSON, while a body needs no content type here.
 */
function boundBody({ maxBytes, required }: Body): Middleware {
  return async (c, next) => {
    const text = await readText(c.req.raw, maxBytes);
    const isEmpty = text.trim() === "";
    if (isEmpty && required) throw invalidMember("body", "is required");
    const headers = new Headers(c.req.raw.headers);
    headers.set("content-type", "application/json");
    c.req.raw = new Request(c.req.raw, { headers, body: isEmpty ? "{}" : text });
    await next();
  };
}

/** Members that the schema does not know are reported as adjustments, or refused together with what else is wrong. */
function validateBody({ schema, unknownMembers: mode }: Body): Middleware {
  return async (c, next) => {
    let unknown: UnknownMember[] = [];
    const validator = zValidator(
      "json",
      schema,
      (result) => {
        const unwanted = mode === "reported" ? [] : unknown.map(issueOf);
        const issues = result.success ? [] : issuesOf(result.error, "body");
        if (unwanted.length + issues.length > 0) throw invalidRequest([...unwanted, ...issues]);
      },
      {
        validationFunction: (_, sent) => {
          unknown = unknownMembers(schema, sent);
          c.set("sent", sent);
          c.set("ignored", unknown.map(adjustmentOf));
          return schema.safeParse(sent);
        },
      },
    ) as Middleware;
    try {
      return await validator(c, next);
    } catch (error) {
      throw error instanceof HTTPException ? invalidMember("body", "must be valid JSON") : error;
    }
  };
}

type Result = { readonly success: true } | { readonly success: false; readonly error: z.core.$ZodError };

/** The hook of a validator that refuses in our words. */
const refuse = (root: string) => (result: Result) => {
  if (!result.success) throw invalidRequest(issuesOf(result.error, root));
};

const issueOf = ({ path, suggestion }: UnknownMember): Issue => ({
  path,
  message: `is not a known field${suggestion === null ? "" : `; did you mean ${suggestion}?`}`,
});

/** Without the value, which may be a secret in the wrong place. */
const adjustmentOf = ({ path, suggestion }: UnknownMember): Adjustment => ({
  field: path,
  from: null,
  to: null,
  reason: `Unknown field; ignored${suggestion === null ? "" : ` (did you mean ${suggestion}?)`}`,
});
