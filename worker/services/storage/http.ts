import { isMissingBucket, readProviderError } from "../../../schema/storage/refusals.ts";

/** What the stores need of the outside. */
export interface StorageNetwork {
  readonly fetch: typeof fetch;
  /** Epoch milliseconds; signatures carry it. */
  readonly clock: () => number;
}

/** The provider answered and said no. Its own words are kept only as far as they are names from a fixed list of characters. */
export class StorageRefusedError extends Error {
  override readonly name = "StorageRefusal";
  readonly status: number;
  /** The provider's name for it, or `HTTP 418`. @example "NoSuchBucket" */
  readonly code: string;
  /** Where the provider says that the bucket is. @example "eu-west-1" */
  readonly region: string | null;
  /** The provider's sentence, to be compared and never shown: it may repeat anything. */
  readonly detail: string;

  constructor(status: number, code: string, facts: { region?: string | null; detail?: string } = {}) {
    super(`${code} (${status})`);
    this.status = status;
    this.code = code;
    this.region = facts.region ?? null;
    this.detail = facts.detail ?? "";
  }
}

export interface StorageRequest {
  readonly url: string | URL;
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly headers?: HeadersInit;
  readonly body?: string;
  /** Statuses that are answers here, not refusals. */
  readonly accept?: readonly number[];
}

const TIMEOUT_MS = 10_000;
/** What is read of a response, in characters: more than any refusal takes. */
const MAX_RESPONSE = 256 * 1024;

export interface StorageResponse {
  readonly status: number;
  /** Its beginning. */
  readonly text: string;
  readonly etag: string | null;
}

/**
 * Sends one request. Redirects are not followed: a provider that sends elsewhere is a refusal, and the address
 * behind a redirect was never judged.
 *
 * @throws StorageRefusedError, or what `fetch` throws when nobody answers
 */
export async function sendToStorage(
  { fetch }: StorageNetwork,
  { url, method, headers, body, accept = [] }: StorageRequest,
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
  const refusal = refusalOf(response, text);
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

function refusalOf({ status, headers }: Response, text: string): StorageRefusedError {
  const { code, region, message } = readProviderError({ status, text, header: (name) => headers.get(name) });
  return new StorageRefusedError(status, code === "" ? `HTTP ${status}` : code, { region, detail: message });
}
