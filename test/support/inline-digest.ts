import { createHash } from "node:crypto";
import type { Digest } from "../../processor/storage/uploads/hasher.ts";

/** A digest without a thread, whose steps a test can schedule. */
export function inlineDigest(): Digest {
  const hash = createHash("sha256");
  return {
    update: async (chunks) => {
      for (const chunk of chunks) hash.update(chunk);
    },
    digest: async () => hash.digest("hex"),
    drop() {},
  };
}
