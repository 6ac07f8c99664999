import { ServiceFault } from "../../fault.ts";
import { TimeScan } from "../../media/mpegts/rewrite-times.ts";
import { mediaFile, type ToolInput } from "../../tools/tool-input.ts";
import { packetBatches } from "./packet-batches.ts";

/** Of any rate, a tool looks through this much on its own. */
const USUAL_OPENING_BYTES = 64 << 10;
/** What it needs of a stream to know its parameters. */
const BEGINNING_BYTES = 4 << 20;
/** The tool keeps in memory what it looks through. */
const MAX_OPENING_BYTES = 256 << 20;
/** Its other limit on a look, in microseconds: a day. */
const LONGEST_OPENING = String(86_400 * 1e6);

/**
 * Media in a file, with all of its streams: in a transport stream, a stream may begin anywhere, and a tool does not know
 * of one that begins later than it looked.
 *
 * @throws Fault `unsupported_url` when it is no container that is read; `processing` when a stream begins too late
 */
export async function wholeFile(path: string, signal: AbortSignal): Promise<ToolInput> {
  const input = await mediaFile(path);
  if (input.demuxer !== "mpegts") return input;
  const opening = await openingBytes(path, signal);
  if (opening <= USUAL_OPENING_BYTES) return input;
  if (opening > MAX_OPENING_BYTES) {
    const megabytes = Math.floor(opening / 1e6);
    throw new ServiceFault(
      "processing",
      `one of the streams begins only after ${megabytes} MB of the others`,
    );
  }
  return input.with("-probesize", String(opening + BEGINNING_BYTES), "-analyzeduration", LONGEST_OPENING);
}

/** How much of a transport stream must be read until each of its streams has begun. */
async function openingBytes(path: string, signal: AbortSignal): Promise<number> {
  const scan = new TimeScan();
  let bytes = 0;
  let opening = 0;
  for await (const batch of packetBatches(path, signal)) {
    const known = scan.times.size;
    scan.add(batch);
    bytes += batch.length;
    if (scan.times.size > known) opening = bytes;
  }
  return opening;
}
