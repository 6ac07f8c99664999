import type { RunContext } from "../../dependencies.ts";
import { headersFor } from "../../egress/source-headers.ts";
import { collectSpan } from "../../egress/source-read.ts";
import type { Source } from "../source.ts";

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
  return Buffer.concat(await collectSpan(client, request, { start: 0 }, maxBytes));
}
