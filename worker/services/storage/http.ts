import { isMissingBucket, readProviderError } from "../../../schema/storage/refusals.ts";

/** What the stores need from their environment. */
export interface StorageNetwork {
  readonly fetch: typeof fetch;
  /** Epoch milliseconds; part of every signature. */
  readonly clock: () => number;
}

/** The provider answered with a refusal. Only its error name is kept, and only characters from a fixed list. */
export class StorageRefusedError extends Error {
  override readonly name = "StorageRefusal";
  readonly status: number;
  /** The provider's name of the error, or `HTTP 418`. @example "NoSuchBucket" */
  readonly code: string;
  /** The region in which the bucket is, according to the provider. @example "eu-west-1" */
  readonly region: string | null;
  /** The permission that is missing, if it is known. @example "s3:PutObject" */
  readonly permission: string | null;
  /** The provider's own sentence. It is compared and never shown, because it may contain anything. */
  readonly detail: string;

  constructor(
    status: number,
    code: string,
    facts: { region?: string | null; permission?: string | null; detail?: string } = {},
  ) {
    super(`${code} (${status})`);
    this.status = status;
    this.code = code;
    this.region = facts.region ?? null;
    this.permission = facts.permission ?? null;
    this.detail = facts.detail ?? "";
  }
}

export interface StorageRequest {
  readonly url: string | URL;
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly headers?: HeadersInit;
  readonly body?: string;
  /** What it needs, for refusals that name no permission. */
  readonly permission?: string | null;
  /** Statuses that are valid responses here, not refusals. */
  readonly accept?: readonly number[];
}

const TIMEOUT_MS = 10_000;
/** How much of a response is read, in characters: more than any refusal needs. */
const MAX_RESPONSE = 256 * 1024;

export interface StorageResponse {
  readonly status: number;
  /** The beginning of the body. */
  readonly text: string;
  readonly etag: string | null;
}

/**
 * Sends one request. Redirects are not followed: a redirect counts as a refusal, because its target was never checked
 * against the address policy.
 *
 * @throws StorageRefusedError, or what `fetch` throws when there is no response
 */
export async function sendToStorage(
  { fetch }: StorageNetwork,
  { url, method, headers, body, permission = null, accept = [] }: StorageRequest,
): Promise<StorageResponse> {
  const response = await fetch(String(url), {
    method,
    ...(headers ? { headers } : {}),
    ...(body === undefined ? {} : { body }),
    redirect: "manual",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const text = await readStart(response);
  const reply = { status: response.status, text, etag: response.headers.get("etag") };
  if (response.ok) return reply;
  const refusal = refusalOf(response, text, permission);
  if (accept.includes(response.status) && !isMissingBucket(refusal.code)) return reply;
  throw refusal;
}

async function readStart({ body }: Response): Promise<string> {
  if (!body) return "";
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length >= MAX_RESPONSE) break;
  }
  return text;
}

function refusalOf({ status, headers }: Response, text: string, needed: string | null): StorageRefusedError {
  const error = readProviderError({ status, text, header: (name) => headers.get(name) });
  const { code, region, message: detail, permission } = error;
  const name = code === "" ? `HTTP ${status}` : code;
  return new StorageRefusedError(status, name, { region, detail, permission: permission ?? needed });
}
