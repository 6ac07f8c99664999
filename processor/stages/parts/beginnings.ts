import { SYNC_BYTE } from "../../media/mpegts/packets.ts";
import { firstShown } from "../../media/mpegts/rewrite-times.ts";
import type { Input } from "./input.ts";

/**
 * When streams of one presentation begin, by the clock that they share. A tool starts each of its inputs at 0, so audio
 * that begins later than video would be heard too early.
 */

/** Encoders and packagers put this much before the start; it is not heard. */
const MIN_DELAY_SECONDS = 0.1;
/** Streams that begin further apart than this do not share a clock. */
const MAX_DELAY_SECONDS = 10;
const OPENING_BYTES = 4 << 20;

/** How much later than the first of them each input begins, in seconds; all 0 if they share no clock. */
export async function delaysOf(inputs: readonly Input[], signal: AbortSignal): Promise<number[]> {
  const none = inputs.map(() => 0);
  const isShared = inputs.every(({ cut, parts, stream }) => {
    return stream.protocol === "hls" && cut === null && parts.length === 1;
  });
  if (inputs.length < 2 || !isShared) return none;
  const begins = await Promise.all(inputs.map((input) => beginningOf(input, signal)));
  if (begins.some((begin) => begin === null)) return none;
  const first = Math.min(...(begins as number[]));
  return begins.map((begin) => {
    const delay = (begin ?? first) - first;
    return delay >= MIN_DELAY_SECONDS && delay <= MAX_DELAY_SECONDS ? delay : 0;
  });
}

/** Null if the first bytes do not say so; what is wrong with them shows when they are read. */
async function beginningOf({ parts: [part] }: Input, signal: AbortSignal): Promise<number | null> {
  if (!part) return null;
  try {
    const batches = part.read(signal)[Symbol.asyncIterator]();
    const first = await nextBytes(batches);
    if (first === null) return null;
    const all = { [Symbol.asyncIterator]: () => withFront(first, batches) };
    return first[0] === SYNC_BYTE ? await firstShown(all) : await firstFragmentTime(all);
  } catch {
    signal.throwIfAborted();
    return null;
  }
}

/** A copy: batches are borrowed. */
async function nextBytes(batches: AsyncIterator<readonly Buffer[]>): Promise<Buffer | null> {
  for (;;) {
    const { done, value } = await batches.next();
    if (done) return null;
    const bytes = Buffer.concat(value);
    if (bytes.length > 0) return bytes;
  }
}

async function* withFront(
  front: Buffer,
  batches: AsyncIterator<readonly Buffer[]>,
): AsyncGenerator<readonly Buffer[]> {
  try {
    yield [front];
    for (let next = await batches.next(); !next.done; next = await batches.next()) yield next.value;
  } finally {
    await batches.return?.();
  }
}

/** The decode time of the first fragment of one track. */
async function firstFragmentTime(batches: AsyncIterable<readonly Buffer[]>): Promise<number | null> {
  let bytes: Buffer = Buffer.alloc(0);
  for await (const batch of batches) {
    bytes = Buffer.concat([bytes, ...batch]);
    const scale = fieldsBehind(bytes, "mdhd", 24);
    const time = fieldsBehind(bytes, "tfdt", 16);
    if (scale && time) {
      const timescale = scale[4] === 1 ? scale.readUInt32BE(24) : scale.readUInt32BE(16);
      const decoded = time[4] === 1 ? Number(time.readBigUInt64BE(8)) : time.readUInt32BE(8);
      return timescale > 0 ? decoded / timescale : null;
    }
    if (bytes.length > OPENING_BYTES) return null;
  }
  return null;
}

/** A box from its type on, with this many bytes after it; null if it has not arrived. */
function fieldsBehind(bytes: Buffer, type: string, length: number): Buffer | null {
  const at = bytes.indexOf(type, 0, "latin1");
  return at < 0 || at + 4 + length > bytes.length ? null : bytes.subarray(at, at + 4 + length);
}
