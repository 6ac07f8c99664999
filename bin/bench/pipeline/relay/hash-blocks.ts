/** The thread of the bare relay: it hashes each block that it gets, and ends the hash at null. */
import { createHash } from "node:crypto";
import { parentPort } from "node:worker_threads";

let hash = createHash("sha256");
parentPort?.on("message", (block: Uint8Array | null) => {
  if (block) hash.update(block);
  else {
    hash.digest();
    hash = createHash("sha256");
  }
  parentPort?.postMessage("done");
});
