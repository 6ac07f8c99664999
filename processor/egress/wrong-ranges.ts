import type { HostLimits } from "./host-limits.ts";
import type { HttpClient } from "./http-client.ts";
import { openRangeSource, type RangeSource, type RangeSourceOptions } from "./range-source.ts";

const COMPARED_BYTES = 64 << 10;
/** So far behind the beginning that no first range reached it. */
const COMPARED_AT = 300 << 10;

/** What asks, and what is known of hosts. */
interface Asking {
  readonly client: HttpClient;
  readonly limits: HostLimits;
  readonly signal: AbortSignal;
}

interface Stream {
  readonly protocol: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Whether a server gives wrong bytes for ranges of one of these files: what was read of it then looks damaged. */
export async function hasWrongRanges(asking: Asking, streams: readonly Stream[]): Promise<boolean> {
  for (const stream of streams) {
    if (stream.protocol === "http" && (await differs(asking, stream))) return true;
  }
  return false;
}

/** Whether ranges give another file than the plain way: of another size, or with other bytes in one place. */
async function differs({ client, signal, limits }: Asking, stream: Stream): Promise<boolean> {
  if (limits.of(stream.url).distrustsRanges) return false;
  const options: RangeSourceOptions = { url: stream.url, headers: stream.headers, signal };
  const opened: RangeSource[] = [];
  try {
    const ranged = await openRangeSource(client, options);
    opened.push(ranged);
    if (!ranged.rangesWork || ranged.sizeBytes === undefined) return false;
    const end = Math.min(ranged.sizeBytes, COMPARED_AT + COMPARED_BYTES);
    const start = Math.max(0, end - COMPARED_BYTES);
    const part = await ranged.readPart(start, end, signal);
    ranged.close();
    const plain = await openRangeSource(client, { ...options, plain: true });
    opened.push(plain);
    if (plain.sizeBytes !== undefined && plain.sizeBytes !== ranged.sizeBytes) return true;
    return !(await beginningOf(plain, end)).subarray(start).equals(part);
  } catch {
    // the failure that was met first says more
    return false;
  } finally {
    for (const file of opened) file.close();
  }
}

async function beginningOf(file: RangeSource, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const batch of file.read()) {
    chunks.push(...batch);
    length += batch.reduce((sum, chunk) => sum + chunk.length, 0);
    if (length >= bytes) break;
  }
  return Buffer.concat(chunks).subarray(0, bytes);
}
