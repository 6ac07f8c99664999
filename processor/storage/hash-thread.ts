/** The thread of a {@link Hasher}: nothing else runs here. */
import { createHash, type Hash } from "node:crypto";
import { readSync } from "node:fs";
import { parentPort } from "node:worker_threads";

/** What the thread is told about digest `id`. */
export type HashOrder =
  | { readonly id: number; readonly type: "update"; readonly chunks: readonly Uint8Array[] }
  | { readonly id: number; readonly type: "file"; readonly fd: number }
  | { readonly id: number; readonly type: "digest" | "drop" };

/** Each order is answered once, those of one digest in their order; a file that was dropped is answered for once. */
export interface HashAnswer {
  readonly id: number;
  /** In answer to `digest` and `file`. */
  readonly sha256?: string;
  readonly error?: unknown;
}

/** Read of a file before others have their turn. */
const TURN_BYTES = 16 << 20;
const memory = Buffer.allocUnsafeSlow(1 << 20);
const digests = new Map<number, Hash>();

function obey(order: HashOrder): Omit<HashAnswer, "id"> | null {
  const { id } = order;
  if (order.type === "file") {
    digests.set(id, createHash("sha256"));
    hashTurn(id, order.fd, 0);
    return null;
  }
  const digest = digests.get(id) ?? createHash("sha256");
  if (order.type === "update") {
    for (const chunk of order.chunks) digest.update(chunk);
    digests.set(id, digest);
    return {};
  }
  digests.delete(id);
  return order.type === "digest" ? { sha256: digest.digest("hex") } : {};
}

/** Hashes a file from `position` on, turn by turn. Once it was dropped, nothing of it is read any more. */
function hashTurn(id: number, fd: number, position: number): void {
  const digest = digests.get(id);
  if (!digest) return;
  try {
    for (let read = 0; read < TURN_BYTES; ) {
      const length = readSync(fd, memory, 0, memory.length, position + read);
      if (length === 0) {
        digests.delete(id);
        answer({ id, sha256: digest.digest("hex") });
        return;
      }
      digest.update(memory.subarray(0, length));
      read += length;
    }
    setImmediate(hashTurn, id, fd, position + TURN_BYTES);
  } catch (error) {
    digests.delete(id);
    answer({ id, error });
  }
}

function answer(told: HashAnswer): void {
  parentPort?.postMessage(told);
}

parentPort?.on("message", (order: HashOrder) => {
  try {
    const told = obey(order);
    if (told) answer({ id: order.id, ...told });
  } catch (error) {
    answer({ id: order.id, error });
  }
});
