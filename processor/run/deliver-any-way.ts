import type { Delivery } from "../../schema/wire/callback.ts";
import type { RunContext } from "../dependencies.ts";
import type { HostLimit } from "../egress/host-limits.ts";
import { openRangeSource, type RangeSource, type RangeSourceOptions } from "../egress/range-source.ts";
import { RangeMismatchError, SourceChangedError } from "../egress/source-read.ts";
import { StalledError } from "../egress/speed-watch.ts";
import { Fault } from "../fault.ts";
import { deliver } from "../stages/deliver.ts";
import type { Resolved } from "../stages/resolve.ts";
import type { SourceStream } from "../stages/source.ts";

/**
 * Delivers a source. What servers do wrong, they do wrong with ranges and with several connections: where those fail,
 * everything is read once more from its beginning, by one connection at a time. What that finds out about a host is
 * remembered for the runs that follow.
 *
 * @throws as `deliver`; where both ways fail, what the plain one failed with
 */
export async function deliverAnyWay(context: RunContext, resolved: Resolved): Promise<Delivery> {
  try {
    return await deliver(context, resolved);
  } catch (error) {
    const limit = error instanceof Fault ? await limitBehind(context, resolved, error) : null;
    if (context.signal.aborted || limit === null) throw error;
    context.client.useSingleConnections();
    const delivery = await deliver({ ...context, readsPlainly: true }, resolved);
    for (const { url } of resolved.source.streams) context.limits.remember(url, limit);
    return delivery;
  }
}

/** Damage that wrong ranges look like. */
const DAMAGE: ReadonlySet<string> = new Set(["truncated", "processing", "unsupported_url"]);
const REFUSALS: ReadonlySet<string> = new Set(["network", "forbidden", "rate_limited"]);

/** What may be behind a failure of the fast way; null where the plain one cannot do better. */
async function limitBehind(
  context: RunContext,
  { source }: Resolved,
  fault: Fault,
): Promise<HostLimit | null> {
  if (fault instanceof RangeMismatchError || fault instanceof SourceChangedError) {
    return { distrustsRanges: true };
  }
  // who is slow, or asks for time, is not helped by asking again
  if (fault instanceof StalledError || fault.retryAfterMs !== undefined) return null;
  if (REFUSALS.has(fault.code)) return { connections: 1 };
  if (!DAMAGE.has(fault.code)) return null;
  for (const stream of source.streams) {
    if (stream.protocol === "http" && (await hasWrongRanges(context, stream)))
      return { distrustsRanges: true };
  }
  return null;
}

const COMPARED_BYTES = 64 << 10;
/** So far behind the beginning that no first range reached it. */
const COMPARED_AT = 300 << 10;

/** Whether ranges give another file than the plain way: of another size, or with other bytes in one place. */
async function hasWrongRanges(
  { client, signal, limits }: RunContext,
  stream: SourceStream,
): Promise<boolean> {
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
