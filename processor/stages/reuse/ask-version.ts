import type { SourceVersion } from "../../../schema/wire/reuse.ts";
import type { HttpClient, OpenedResponse } from "../../egress/http-client.ts";
import { versionOf } from "../../egress/source-read.ts";

/** A server that takes longer for a few headers is asked for the file itself. */
const TIMEOUT_MS = 10_000;

/**
 * The present version of a direct link, without reading it. Servers that refuse HEAD are asked for one byte.
 *
 * @returns null if the source does not say
 * @throws Fault of the network, or the signal's reason
 */
export async function askVersion(
  client: Pick<HttpClient, "open">,
  url: string,
  signal: AbortSignal,
): Promise<SourceVersion | null> {
  const options = { signal, timeoutMs: TIMEOUT_MS };
  const head = await client.open(url, { ...options, method: "HEAD" });
  head.body.destroy();
  if (head.status === 200) return stated(head, lengthOf(head.headers["content-length"]));
  const byte = await client.open(url, { ...options, headers: { range: "bytes=0-0" } });
  byte.body.destroy();
  if (byte.status !== 206) return null;
  return stated(byte, lengthOf(/\/(\d+)\s*$/.exec(byte.headers["content-range"] ?? "")?.[1]));
}

function stated({ headers, wasCompressed }: OpenedResponse, size: number | null): SourceVersion {
  const { etag = null, lastModified = null } = versionOf(headers);
  const isPlain = !wasCompressed && headers["content-encoding"] === undefined;
  return { etag, last_modified: lastModified, size: isPlain ? size : null };
}

const lengthOf = (text: string | undefined): number | null =>
  text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;

/**
 * Whether two responses are about the same bytes; null if they do not say. A network of servers may use another tag for the
 * same file on each of them, so equal times of modification count, too.
 */
export function isSameVersion(known: SourceVersion, now: SourceVersion): boolean | null {
  if (known.size !== null && now.size !== null && known.size !== now.size) return false;
  if (known.etag !== null && known.etag === now.etag) return true;
  if (known.last_modified !== null && now.last_modified !== null) {
    return known.last_modified === now.last_modified;
  }
  if (known.etag !== null && now.etag !== null) return false;
  return null;
}
