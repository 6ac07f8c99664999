import { headersFor } from "../egress/source-headers.ts";
import { readSpan } from "../egress/source-read.ts";
import { Fault } from "../fault.ts";
import type { RunContext } from "../kit.ts";
import type { Source } from "./source.ts";

/**
 * Fetches something small that belongs to a source, with the headers of its media; cookies go to the media's host only.
 *
 * @throws Fault of the source; `limit_exceeded` over `maxBytes`; or the signal's reason
 */
export async function fetchSmall(
  { client }: Pick<RunContext, "client">,
  { streams: [stream] }: Pick<Source, "streams">,
  { url, maxBytes, signal }: { url: string; maxBytes: number; signal: AbortSignal },
): Promise<Buffer> {
  const request = { url, headers: headersFor(stream.headers, stream.url, url), signal };
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of readSpan(client, request, { start: 0 })) {
    length += chunk.length;
    if (length > maxBytes) throw new Fault("limit_exceeded", `it is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
