import { open } from "node:fs/promises";
import type { RangeSource } from "../egress/range-source.ts";
import { isoLayout, type ReadAt, topBoxes } from "../media/isobmff/boxes.ts";
import { factsOfIndex, type IndexFacts } from "../media/isobmff/facts.ts";

/** What the head of an ISO base media file reports, without starting a tool. */
export interface FileHead {
  /** Its index comes first: players can start before it is complete. */
  readonly indexFirst: boolean;
  /** A box extends beyond the end of the file: bytes are missing. */
  readonly truncated: boolean;
  /** What the index reports, wherever it is; null when a tool must inspect the file. */
  readonly facts: () => Promise<IndexFacts | null>;
}

/** A larger index is left to the tool, which reads it in pieces. */
const MAX_INDEX_BYTES = 16 << 20;

/**
 * Reads a few headers, and the index only when its facts are requested.
 *
 * @param size of the file in bytes
 * @returns null for a file of another kind
 */
export async function readIsoHead(size: number, readAt: ReadAt): Promise<FileHead | null> {
  const boxes = await topBoxes(size, readAt);
  const layout = isoLayout(boxes, size);
  if (!layout) return null;
  const { indexFirst, truncated } = layout;
  const index = boxes.find(({ type }) => type === "moov");
  const isReadable = !truncated && index && index.end - index.start <= MAX_INDEX_BYTES;
  const facts = async () =>
    isReadable ? factsOfIndex(await readAt(index.start, index.end - index.start)) : null;
  return { indexFirst, truncated, facts };
}

/**
 * Like {@link readIsoHead}, for a file at a source.
 *
 * @param head its first bytes, as many as were read already; most files need no more
 */
export async function readSourceHead(
  file: RangeSource,
  size: number,
  head: Buffer,
): Promise<FileHead | null> {
  const read = (start: number, end: number) => file.readPart(start, Math.min(size, end));
  return await readIsoHead(size, async (start, length) =>
    start + length <= head.length ? head.subarray(start, start + length) : read(start, start + length),
  );
}

/** What the index of a file on disk reports; null for other files, and when a tool must inspect them. */
export async function readFileFacts(path: string): Promise<IndexFacts | null> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const head = await readIsoHead(size, async (start, length) => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, start);
      return buffer.subarray(0, bytesRead);
    });
    return (await head?.facts()) ?? null;
  } finally {
    await file.close();
  }
}
