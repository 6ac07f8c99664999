import { open } from "node:fs/promises";
import type { RangeSource } from "../egress/range-source.ts";
import { isoLayout, type ReadAt, topBoxes } from "../media/isobmff/boxes.ts";
import { factsOfIndex, type IndexFacts } from "../media/isobmff/facts.ts";
import { once } from "../once.ts";

/** What the head of an ISO base media file reports, without starting a tool. */
export interface FileHead {
  /** Its index comes first: players can start before it is complete. */
  readonly indexFirst: boolean;
  /** Whether a box extends beyond the end of the file: bytes are missing. */
  readonly isTruncated: () => Promise<boolean>;
  /** What the index reports, wherever it is; null when a tool must inspect the file. */
  readonly facts: () => Promise<IndexFacts | null>;
}

/** A larger index is left to the tool, which reads it in pieces. */
const MAX_INDEX_BYTES = 16 << 20;

/**
 * Reads a few headers: of a file whose index comes first, no more than those up to it until more is asked for. The index
 * itself is only read when its facts are requested.
 *
 * @param size of the file in bytes
 * @returns null for a file of another kind
 */
export async function readIsoHead(size: number, readAt: ReadAt): Promise<FileHead | null> {
  const first = await topBoxes(size, readAt, [], ({ type }) => type === "moov" || type === "mdat");
  const walk = async () => {
    const boxes = await topBoxes(size, readAt, first);
    return { boxes, layout: isoLayout(boxes, size) };
  };
  const indexFirst = first.at(-1)?.type === "moov";
  const begun = indexFirst ? null : await walk();
  if (begun && !begun.layout) return null;
  const walked = once(async () => begun ?? (await walk()));
  const isTruncated = async () => (await walked()).layout?.truncated ?? true;
  const facts = async () => {
    const { boxes } = await walked();
    const index = boxes.find(({ type }) => type === "moov");
    const isReadable = !(await isTruncated()) && index && index.end - index.start <= MAX_INDEX_BYTES;
    return isReadable ? factsOfIndex(await readAt(index.start, index.end - index.start)) : null;
  };
  return { indexFirst, isTruncated, facts };
}

/** Like {@link readIsoHead}, for a file at a source. Most need no request besides the one that opened it. */
export const readSourceHead = (file: RangeSource, size: number): Promise<FileHead | null> =>
  readIsoHead(size, (start, length) => file.readPart(start, Math.min(size, start + length)));

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
