import { PACKET_BYTES, SYNC_BYTE } from "../media/mpegts/packets.ts";

/** Beginnings of PNG, JPEG and GIF files. */
const IMAGES = [Buffer.from("89504e47", "hex"), Buffer.from("ffd8ff", "hex"), Buffer.from("GIF8")];
const SIGNATURE_BYTES = 4;
/** The images are tiny, often a single pixel. */
const MAX_IMAGE_BYTES = 64 << 10;
/** This many packets in a row are not a coincidence. */
const PACKETS = 4;

/**
 * A segment without the image in front of its transport stream: some sites keep their segments at image hosts, which only
 * take what looks like an image. Anything else passes unchanged.
 *
 * @param batches borrowed: each is valid until the next one is requested
 */
export async function* withoutImage(batches: AsyncIterable<Buffer[]>): AsyncGenerator<Buffer[]> {
  let held: Buffer | null = Buffer.alloc(0);
  for await (const batch of batches) {
    if (held === null) {
      yield batch;
      continue;
    }
    const first: Buffer | undefined = held.length > 0 ? held : batch.find(({ length }) => length > 0);
    if (first && first.length >= SIGNATURE_BYTES && !isImage(first)) {
      yield held.length > 0 ? [held, ...batch] : batch;
      held = null;
      continue;
    }
    held = Buffer.concat([held, ...batch]);
    const start = isImage(held) ? startOfPackets(held) : -1;
    if (start < 0 && held.length < MAX_IMAGE_BYTES) continue;
    yield [held.subarray(Math.max(0, start))];
    held = null;
  }
  if (held !== null && held.length > 0) yield [held];
}

const isImage = (bytes: Buffer): boolean =>
  IMAGES.some((image) => bytes.subarray(0, image.length).equals(image));

/** Where a transport stream begins; -1 if none begins in these bytes. */
function startOfPackets(bytes: Buffer): number {
  const last = bytes.length - (PACKETS - 1) * PACKET_BYTES;
  for (let at = bytes.indexOf(SYNC_BYTE); at >= 0 && at < last; at = bytes.indexOf(SYNC_BYTE, at + 1)) {
    const isRow = Array.from({ length: PACKETS }, (_, packet) => bytes[at + packet * PACKET_BYTES]);
    if (isRow.every((byte) => byte === SYNC_BYTE)) return at;
  }
  return -1;
}
