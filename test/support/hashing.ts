import { createHash } from "node:crypto";
import type { Digest } from "../../processor/storage/hasher.ts";
import { PartMemory } from "../../processor/storage/part-memory.ts";
import type { PartUploaderOptions } from "../../processor/storage/part-uploader.ts";

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

/** What an uploader shares with others in a processor, for it alone. */
export const ownMemory = (): Pick<PartUploaderOptions, "memory" | "digest"> => ({
  memory: new PartMemory(),
  digest: inlineDigest(),
});
