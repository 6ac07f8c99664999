import { createReadStream } from "node:fs";
import { PACKET_BYTES } from "../../media/mpegts/packets.ts";

/** Packets that are read at once. */
const BATCH_BYTES = 2048 * PACKET_BYTES;

/** A transport stream in a file, as whole packets. */
export async function* packetBatches(path: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  let left: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(path, { signal, highWaterMark: BATCH_BYTES })) {
    const bytes = left.length === 0 ? (chunk as Buffer) : Buffer.concat([left, chunk as Buffer]);
    const whole = bytes.length - (bytes.length % PACKET_BYTES);
    left = bytes.subarray(whole);
    if (whole > 0) yield bytes.subarray(0, whole);
  }
}
