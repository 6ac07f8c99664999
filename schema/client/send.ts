import type { Auth, Endpoint } from "../api/endpoint.ts";
import { withoutTrailing } from "../text.ts";
import type { CallOptions } from "./calls.ts";
import type { Platform } from "./platform.ts";
import { readFailure } from "./read-failure.ts";
import { nextDelay, type RetryOptions } from "./retry-policy.ts";
import { WaterspoutError } from "./waterspout-error.ts";

/** The server, and the credentials of requests. */
export interface Account {
  /** Base URL of the Worker, with or without a trailing slash. */
  readonly url: string;
  readonly apiKey?: string | undefined;
  /** The operator's token, for the routes under `/admin`. */
  readonly adminToken?: string | undefined;
}

/** A request to any route. */
export interface RequestInput extends CallOptions {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number | Readonly<Record<string, string>> | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Sends a request, with the retries that the policy allows.
 *
 * @returns a response that the endpoint describes
 * @throws WaterspoutError; the signal's reason
 */
export type Send = (endpoint: Endpoint, input: RequestInput) => Promise<Response>;

/** Identifies the state of the database that a response has seen; when it is sent back, the next read sees at least that. */
const BOOKMARK = "x-waterspout-bookmark";

/** @param timeoutMs longest wait of one try for the head of its response */
export function createSend(
  account: Account,
  retry: RetryOptions,
  timeoutMs: number,
  platform: Platform,
): Send {
  let bookmark: string | null = null;

  const tryOnce = async (endpoint: Endpoint, url: string, init: RequestInit, signal?: AbortSignal) => {
    const headers = { ...init.headers, ...(bookmark === null ? {} : { [BOOKMARK]: bookmark }) };
    const response = await fetchInTime(platform, timeoutMs, url, { ...init, headers }, signal);
    bookmark = response.headers.get(BOOKMARK) ?? bookmark;
    if (response.ok || response.status in endpoint.responses) return response;
    throw await readFailure(response, platform.now());
  };

  return async (endpoint, input) => {
    const url = urlOf(account.url, endpoint, input);
    const init = initOf(account, endpoint, input);
    const repeatable = endpoint.method === "GET" || Boolean(endpoint.safe || endpoint.idempotent);
    const startedAt = platform.now();
    for (let failures = 0; ; ) {
      try {
        return await tryOnce(endpoint, url, init, input.signal);
      } catch (failure) {
        if (!(failure instanceof WaterspoutError)) throw failure;
        const tries = { failures, elapsedMs: platform.now() - startedAt, repeatable };
        const delay = nextDelay(failure, tries, retry, platform.random());
        if (delay === null) throw failure;
        if (failure.retryAfterMs === null) failures++;
        await platform.wait(delay, input.signal);
      }
    }
  };
}

function urlOf(base: string, { path }: Endpoint, { params = {}, query = {} }: RequestInput): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ""));
  const pairs = Object.entries(query).flatMap(([name, value]) => {
    if (value === undefined) return [];
    if (typeof value !== "object") return [[name, String(value)]];
    return Object.entries(value).map(([key, text]) => [`${name}[${key}]`, text]);
  });
  const search = pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`;
  return withoutTrailing(base, "/") + filled + search;
}

function initOf(account: Account, endpoint: Endpoint, input: RequestInput): RequestInit {
  const key = endpoint.idempotent ? (input.idempotencyKey ?? crypto.randomUUID()) : null;
  return {
    method: endpoint.method,
    headers: {
      ...authorization(account, endpoint.auth),
      ...(input.body === undefined ? {} : { "content-type": "application/json" }),
      ...(key === null ? {} : { "x-idempotency-key": key }),
      ...input.headers,
    },
    ...(input.body === undefined ? {} : { body: JSON.stringify(input.body) }),
  };
}

function authorization({ apiKey, adminToken }: Account, auth: Auth): Record<string, string> {
  if (auth === "key" && apiKey !== undefined) return { "x-api-key": apiKey };
  if (auth === "admin" && adminToken !== undefined) return { authorization: `Bearer ${adminToken}` };
  return {};
}

/** The response's head, or an `unreachable` failure; the body may take as long as it takes. */
async function fetchInTime(
  { fetch }: Platform,
  timeoutMs: number,
  url: string,
  init: RequestInit,
  signal?: AbortSignal,
): Promise<Response> {
  signal?.throwIfAborted();
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new Error("no response arrived in time")), timeoutMs);
  try {
    return await fetch(url, { ...init, signal: AbortSignal.any([late.signal, ...(signal ? [signal] : [])]) });
  } catch (cause) {
    signal?.throwIfAborted();
    throw new WaterspoutError(`${new URL(url).origin} cannot be reached: ${reasonOf(cause)}`, {
      code: "unreachable",
      cause,
    });
  } finally {
    clearTimeout(timer);
  }
}

/** The network's error; Node hides it in the cause of "fetch failed". */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  const innermost = cause instanceof AggregateError ? cause.errors[0] : cause;
  return innermost instanceof Error ? innermost.message : error.message;
}
