/** The thread of a {@link Hasher}: nothing else runs here. */
import { createHash, type Hash } from "node:crypto";
import { read } from "node:fs";
import { promisify } from "node:util";
import { parentPort } from "node:worker_threads";
import { type ChecksumName, checksumOf } from "./content-digest.ts";

/** An order to the thread about digest `id`. */
export type HashOrder =
  | { readonly id: number; readonly type: "update"; readonly chunks: readonly Uint8Array[] }
  | {
      readonly id: number;
      readonly type: "checksum";
      readonly name: ChecksumName;
      readonly chunks: readonly Uint8Array[];
    }
  | { readonly id: number; readonly type: "file"; readonly fd: number }
  | { readonly id: number; readonly type: "digest" | "drop" };

/** Each order gets one response, those of one digest in their order; a dropped file gets a single response. */
export interface HashResult {
  readonly id: number;
  /** The response to `digest` and `file`. */
  readonly sha256?: string;
  /** The response to `checksum`. */
  readonly checksum?: Uint8Array;
  readonly error?: unknown;
}

const readFd = promisify(read);
const readAt = (fd: number, memory: Buffer, position: number) =>
  readFd(fd, memory, 0, memory.length, position);

/** Two of them stay in a core's own cache. */
const FILE_MEMORY_BYTES = 256 << 10;
const digests = new Map<number, Hash>();
/** Files that are being read. */
const files = new Set<number>();

function obey(order: HashOrder): Omit<HashResult, "id"> | null {
  const { id } = order;
  if (order.type === "file") {
    files.add(id);
    void hashFile(id, order.fd);
    return null;
  }
  // the response follows when nothing of it is read any more
  if (order.type === "drop" && files.delete(id)) return null;
  if (order.type === "checksum") return { checksum: checksumOf(order.chunks, order.name) };
  const digest = digests.get(id) ?? createHash("sha256");
  if (order.type === "update") {
    for (const chunk of order.chunks) digest.update(chunk);
    digests.set(id, digest);
    return {};
  }
  digests.delete(id);
  return order.type === "digest" ? { sha256: digest.digest("hex") } : {};
}

/** Hashes a file from beginning to end; while one piece is hashed, the next one is read. */
async function hashFile(id: number, fd: number): Promise<void> {
  const digest = createHash("sha256");
  let [current, other] = [
    Buffer.allocUnsafeSlow(FILE_MEMORY_BYTES),
    Buffer.allocUnsafeSlow(FILE_MEMORY_BYTES),
  ];
  try {
    let reading = readAt(fd, current, 0);
    for (let position = 0; ; ) {
      const { bytesRead } = await reading;
      if (bytesRead === 0 || !files.has(id)) break;
      position += bytesRead;
      reading = readAt(fd, other, position);
      digest.update(current.subarray(0, bytesRead));
      [current, other] = [other, current];
    }
    respond({ id, ...(files.delete(id) ? { sha256: digest.digest("hex") } : {}) });
  } catch (error) {
    files.delete(id);
    respond({ id, error });
  }
}

function respond(reported: HashResult): void {
  parentPort?.postMessage(reported);
}

parentPort?.on("message", (order: HashOrder) => {
  try {
    const reported = obey(order);
    if (reported) respond({ id: order.id, ...reported });
  } catch (error) {
    respond({ id: order.id, error });
  }
});
