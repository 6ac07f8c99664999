import { randomBytes } from "node:crypto";
import type { UnfinishedUpload } from "../object-store.ts";

/**
 * Azure has no uploads, only blocks that wait at a blob to be committed. The id of each block says which upload it
 * belongs to and when that began. Azure requires that all ids of a blob have the same length.
 */
const BLOCK_ID = /^waterspout-([0-9a-z]{9})([0-9a-f]{16})-(\d{5})$/;

/** The highest index is reserved for the block that represents the upload itself. */
export const MARKER_INDEX = 99_999;

/** A name for a new upload. @param now epoch milliseconds */
export const newUploadRef = (now: number): string =>
  now.toString(36).padStart(9, "0") + randomBytes(8).toString("hex");

/** The id, in Base64, of block `index` of an upload. */
export const blockId = (ref: string, index: number): string =>
  Buffer.from(`waterspout-${ref}-${String(index).padStart(5, "0")}`).toString("base64");

/** The upload that a block belongs to; undefined for a block of another program. */
export function uploadOfBlock(id: string): UnfinishedUpload | undefined {
  const match = BLOCK_ID.exec(Buffer.from(id, "base64").toString("latin1"));
  if (!match?.[1] || !match[2]) return undefined;
  return { ref: match[1] + match[2], startedAt: Number.parseInt(match[1], 36) };
}
