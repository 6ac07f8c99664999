import { createHash } from "node:crypto";

/** MD5 of what one request stores: the one checksum that every object store takes, verifies and reports. */
export type ContentDigest = (chunks: readonly Uint8Array[]) => Promise<Buffer>;

/** Computes where it is called; see `Hasher.md5` for a thread of its own. */
export const digestInline: ContentDigest = async (chunks) => {
  const hash = createHash("md5");
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest();
};
