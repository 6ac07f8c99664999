import { judgeUrl } from "../../../schema/address.ts";
import { VERSION } from "../../lib/version.ts";
import type { Scope } from "../../services.ts";
import { type FeedItem, feedItems } from "./feed-items.ts";

/** A feed that cannot be read. */
export class FeedError extends Error {
  override readonly name = "FeedError";
  /** It may be read another time. */
  readonly passes: boolean;

  constructor(message: string, passes: boolean) {
    super(message);
    this.passes = passes;
  }
}

const MAX_REDIRECTS = 5;
/** Of a feed's text, in bytes. */
const MAX_BYTES = 96 * 1024 * 1024;
/** A feed may take this long, in milliseconds. */
const TIMEOUT_MS = 30_000;

/**
 * Reads the media items of a feed. Each redirect's address is judged like the first one; the platform resolves the
 * names itself and reaches no private network, so there is no address to pin.
 *
 * @throws FeedError, or the signal's reason
 */
export async function readFeed(scope: Scope, url: string, signal: AbortSignal): Promise<FeedItem[]> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  try {
    const response = await open(scope, url, limit);
    const items: FeedItem[] = [];
    for await (const item of feedItems(textOf(response))) {
      // an address that would be refused is none
      if (judgeUrl(new URL(item.mediaUrl), scope.config.allowedPrivateHosts).allowed) items.push(item);
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

async function open(scope: Scope, first: string, signal: AbortSignal): Promise<Response> {
  let url = first;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const parsed = URL.parse(url);
    if (!parsed || !judgeUrl(parsed, scope.config.allowedPrivateHosts).allowed) {
      throw new FeedError("the feed's address is not public", false);
    }
    const response = await scope.fetch(parsed.href, {
      headers: {
        accept: "application/rss+xml, application/xml, text/xml",
        "user-agent": `Waterspout/${VERSION}`,
      },
      redirect: "manual",
      signal,
    });
    if (response.ok) return response;
    await response.body?.cancel();
    const { status } = response;
    const location = response.headers.get("location");
    if (status < 300 || status > 399 || location === null) {
      throw new FeedError(`the feed answered ${status}`, status >= 500 || status === 429);
    }
    url = URL.parse(location, parsed.href)?.href ?? "";
  }
  throw new FeedError("the feed is redirected too often", false);
}

/** The feed's text in the encoding that it names, UTF-8 if it names none. */
async function* textOf({ body, headers }: Response): AsyncGenerator<string> {
  if (!body) return;
  let decoder: TextDecoder | null = null;
  let size = 0;
  for await (const chunk of body as ReadableStream<Uint8Array>) {
    size += chunk.byteLength;
    if (size > MAX_BYTES) throw new FeedError(`the feed has more than ${MAX_BYTES} bytes`, false);
    decoder ??= decoderFor(headers.get("content-type") ?? "", chunk);
    yield decoder.decode(chunk, { stream: true });
  }
  if (decoder) yield decoder.decode();
}

function decoderFor(contentType: string, start: Uint8Array): TextDecoder {
  const prolog = new TextDecoder("latin1").decode(start.subarray(0, 200));
  const named =
    /charset\s*=\s*"?([\w-]+)/i.exec(contentType)?.[1] ??
    /^[^<]*<\?xml[^>]*encoding="([\w-]+)"/.exec(prolog)?.[1];
  try {
    return new TextDecoder(named ?? "utf-8");
  } catch {
    return new TextDecoder();
  }
}
