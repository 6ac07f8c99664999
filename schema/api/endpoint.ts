import type { z } from "zod";
import type { ApiErrorCode } from "../errors.ts";
import type { Scope } from "./account.ts";

/** Who may call: a caller's key, the operator's token, a run's token, or anybody. */
export type Auth = "key" | "admin" | "run" | "public";

/** A route of the HTTP API as data: the Worker serves it, the document describes it, tests walk it. */
export interface Endpoint {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With `{name}` for path parameters. */
  readonly path: `/${string}`;
  readonly auth: Auth;
  /** The scope that a caller's key needs, if it does not follow from the method ({@link scopeOf}). */
  readonly scope?: Scope;
  readonly summary: string;
  readonly tag:
    | "Jobs"
    | "Batches"
    | "Subscriptions"
    | "Account"
    | "Media"
    | "Webhooks"
    | "Dashboard"
    | "Operator"
    | "Service";
  /** Takes `x-idempotency-key`: the same request with the same key is executed once in 24 hours. */
  readonly idempotent?: true;
  /** Changes nothing although it is a POST, so a client that got no response may repeat it. */
  readonly safe?: true;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: {
    readonly schema: z.ZodType;
    readonly required: boolean;
    readonly maxBytes: number;
    /**
     * Members that the schema does not know are ignored and reported as adjustments, instead of being refused: for
     * requests whose response has a field for that.
     */
    readonly unknownMembers?: "reported";
  };
  /** Success responses by status; `stream` and `text` are not JSON. */
  readonly responses: Readonly<
    Record<
      number,
      {
        readonly description: string;
        readonly schema?: z.ZodType;
        readonly contentType?: string;
        /** Sent instead of JSON to callers that accept it, such as browsers. */
        readonly page?: "text/html";
      }
    >
  >;
  /** Errors in addition to those that every route for this kind of caller may return. */
  readonly errors: readonly ApiErrorCode[];
}

/** The scope that a caller's key needs: `read` for routes that change nothing, else `write`, unless the route names another one. */
export const scopeOf = ({ method, scope }: Pick<Endpoint, "method" | "scope">): Scope =>
  scope ?? (method === "GET" ? "read" : "write");

/**
 * Whether a body with members is refused because the route has no use for one. Where operators and accounts set
 * something, a mistake must not pass in silence.
 */
export const refusesBody = ({ method, path, body }: Endpoint): boolean =>
  body === undefined && method !== "GET" && /^\/(admin|user)\//.test(path);

/** Largest body of most routes, in bytes. */
export const MAX_BODY_BYTES = 64 * 1024;
/** Largest body of routes that take many jobs, in bytes. */
export const MAX_BULK_BODY_BYTES = 512 * 1024;
