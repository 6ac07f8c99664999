import { createHash } from "node:crypto";

/** MD5 of what one request stores: the one checksum that every object store accepts, verifies and reports. */
export type ContentDigest = (chunks: readonly Uint8Array[]) => Promise<Buffer>;

/** Computes in the calling thread; see `Hasher.md5` for a separate thread. */
export const digestInline: ContentDigest = async (chunks) => {
  const hash = createHash("md5");
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest();
};
