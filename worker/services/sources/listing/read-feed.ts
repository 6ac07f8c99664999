import { judgeUrl } from "../../../../schema/address.ts";
import { parseRetryAfter } from "../../../../schema/retry-after.ts";
import type { RequestContext } from "../../../context.ts";
import { VERSION } from "../../../lib/version.ts";
import { type FeedItem, feedItems } from "./feed-items.ts";

/** A feed that cannot be read. */
export class FeedError extends Error {
  override readonly name = "FeedError";
  /** It may be readable later. */
  readonly passes: boolean;
  /** What the server asks to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, passes: boolean, retryAfterMs?: number) {
    super(message);
    this.passes = passes;
    this.retryAfterMs = retryAfterMs;
  }
}

const MAX_REDIRECTS = 5;
/** Largest feed, in bytes. */
const MAX_BYTES = 96 * 1024 * 1024;
/** Longest time for reading a feed, in milliseconds. */
const TIMEOUT_MS = 30_000;

/**
 * Reads the media items of a feed. The address of each redirect is judged like the first one. The platform resolves
 * names itself and reaches no private network, so no address needs to be pinned.
 *
 * @throws FeedError, or the signal's reason
 */
export async function readFeed(
  context: RequestContext,
  url: string,
  signal: AbortSignal,
): Promise<FeedItem[]> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  try {
    const { response, address } = await openFeed(context, url, limit);
    const items: FeedItem[] = [];
    const text = textOf(response);
    const { value: head = "" } = await text.next();
    for await (const item of feedItems(joined(head, text), baseOf(head, address))) {
      // an address that would be refused is dropped
      if (judgeUrl(new URL(item.mediaUrl), context.config.allowedPrivateHosts).allowed) items.push(item);
    }
    return items;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof FeedError) throw error;
    throw new FeedError(
      limit.aborted ? "the feed took too long" : "the connection to the feed broke off",
      true,
    );
  }
}

/**
 * @param headers in addition, such as validators; with them the response may be a 304
 * @returns the response, and the address that gave it
 * @throws FeedError
 */
export async function openFeed(
  context: RequestContext,
  first: string,
  signal: AbortSignal,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ response: Response; address: string }> {
  let url = first;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const parsed = URL.parse(url);
    if (!parsed || !judgeUrl(parsed, context.config.allowedPrivateHosts).allowed) {
      throw new FeedError("the feed's address is not public", false);
    }
    const response = await context.fetch(parsed.href, {
      headers: {
        accept: "application/rss+xml, application/xml, text/xml",
        "user-agent": `Waterspout/${VERSION}`,
        ...headers,
      },
      redirect: "manual",
      signal,
    });
    if (response.ok || response.status === 304) return { response, address: parsed.href };
    await response.body?.cancel();
    const { status } = response;
    const location = response.headers.get("location");
    if (status < 300 || status > 399 || location === null) {
      const passes = status >= 500 || status === 429;
      const retryAfterMs = parseRetryAfter(response.headers.get("retry-after"), context.clock());
      throw new FeedError(`the feed responded with ${status}`, passes, passes ? retryAfterMs : undefined);
    }
    url = URL.parse(location, parsed.href)?.href ?? "";
  }
  throw new FeedError("the feed redirects too often", false);
}

/** Bytes of a feed that are searched for its encoding and its base. */
const HEAD_BYTES = 4096;

/** The feed's text; the first piece holds at least its head. */
export async function* textOf({ body, headers }: Response): AsyncGenerator<string, undefined> {
  if (!body) return;
  let decoder: TextDecoder | null = null;
  let head = new Uint8Array();
  let size = 0;
  for await (const chunk of body as ReadableStream<Uint8Array>) {
    size += chunk.byteLength;
    if (size > MAX_BYTES) throw new FeedError(`the feed has more than ${MAX_BYTES} bytes`, false);
    if (decoder) {
      yield decoder.decode(chunk, { stream: true });
      continue;
    }
    head = concatBytes(head, chunk);
    if (head.byteLength < HEAD_BYTES) continue;
    decoder = decoderFor(headers.get("content-type") ?? "", head);
    yield decoder.decode(head, { stream: true });
  }
  if (decoder) yield decoder.decode();
  else yield decoderFor(headers.get("content-type") ?? "", head).decode(head);
}

function concatBytes(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(first.byteLength + second.byteLength);
  bytes.set(first);
  bytes.set(second, first.byteLength);
  return bytes;
}

export async function* joined(first: string, rest: AsyncIterable<string>): AsyncGenerator<string> {
  yield first;
  yield* rest;
}

const BYTE_ORDER_MARKS: readonly (readonly [readonly number[], string])[] = [
  [[0xef, 0xbb, 0xbf], "utf-8"],
  [[0xff, 0xfe], "utf-16le"],
  [[0xfe, 0xff], "utf-16be"],
  // not a byte order mark, but the first character of every feed
  [[0x3c, 0x00], "utf-16le"],
  [[0x00, 0x3c], "utf-16be"],
];

/** By the byte order mark, the HTTP header and the XML declaration, in this order; UTF-8 without any. */
export function decoderFor(contentType: string, start: Uint8Array): TextDecoder {
  const marked = BYTE_ORDER_MARKS.find(([mark]) => mark.every((byte, index) => start[index] === byte))?.[1];
  const prolog = new TextDecoder("latin1").decode(start.subarray(0, 400));
  const named =
    marked ??
    /charset\s*=\s*["']?([\w.-]+)/i.exec(contentType)?.[1] ??
    /^[^<]*<\?xml[^>]*encoding\s*=\s*["']([\w.-]+)["']/.exec(prolog)?.[1];
  try {
    return new TextDecoder(named ?? "utf-8");
  } catch {
    return new TextDecoder();
  }
}

const FRONT_TAG = /<(?:rss|channel)\b[^<>]{0,4000}>/g;
const BASE = /\sxml:base\s{0,9}=\s{0,9}["']([^"']{0,2000})["']/;

/** The base of relative addresses: the feed's own address, or the base that it declares. */
export function baseOf(head: string, address: string): string {
  const [front = ""] = head.slice(0, HEAD_BYTES).split("<item", 1);
  return [...front.matchAll(FRONT_TAG)].reduce((base, [tag]) => {
    const own = BASE.exec(tag)?.[1];
    return (own === undefined ? null : URL.parse(own, base)?.href) ?? base;
  }, address);
}
