import { createHash } from "node:crypto";
import { crc32 } from "./crc32.ts";

/**
 * A checksum by which a storage verifies what it received. Every service knows `md5`. `crc32` costs an eighth of it and
 * is known to S3 and those who follow it.
 */
export type ChecksumName = "md5" | "crc32";

/** The checksum of what one request stores: 16 bytes of MD5, or 4 of CRC-32, most significant first. */
export type ContentDigest = (chunks: readonly Uint8Array[], name: ChecksumName) => Promise<Buffer>;

/** Computes in the calling thread. */
export function checksumOf(chunks: readonly Uint8Array[], name: ChecksumName): Buffer {
  if (name === "md5") {
    const hash = createHash("md5");
    for (const chunk of chunks) hash.update(chunk);
    return hash.digest();
  }
  const value = Buffer.alloc(4);
  value.writeUInt32BE(chunks.reduce((sum, chunk) => crc32(chunk, sum), 0));
  return value;
}

/** The same as a promise; see `Hasher.checksum` for a separate thread. */
export const digestInline: ContentDigest = async (chunks, name) => checksumOf(chunks, name);
