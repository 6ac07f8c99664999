import { Worker } from "node:worker_threads";
import type { ContentDigest } from "./content-digest.ts";
import type { HashOrder, HashResult } from "./hash-thread.ts";

/** SHA-256 of bytes that arrive one after the other. */
export interface Digest {
  /** Adds the next bytes; they must not change before the promise settles. */
  update(chunks: readonly Uint8Array[]): Promise<void>;
  /** Lower-case hexadecimal; ends the digest. */
  digest(): Promise<string>;
  /** Ends it without a result. */
  drop(): void;
}

/** It uses almost no memory of its own. */
const THREAD = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64 };

const ENDED = "the hash thread ended";

interface Waiting {
  readonly resolve: (response: HashResult) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Hashes in a separate thread, so that a fast transfer has a core for hashing and one for everything else. The thread is
 * started on first use and serves all runs. Bytes in shared memory are hashed in place; others are copied.
 *
 * @example
 * const digest = hasher.begin();
 * await digest.update([part]);
 * await digest.digest(); // "9f86d081…"
 */
export class Hasher {
  #thread: Worker | null = null;
  #count = 0;
  /** Pending requests, by digest, in their order. */
  readonly #waiting = new Map<number, Waiting[]>();

  /** The methods of the digest reject when the thread has failed. */
  begin(): Digest {
    const id = this.#count++;
    // a new thread would not know the state of this one
    const thread = this.#running();
    return {
      update: async (chunks) => void (await this.#ask(thread, { id, type: "update", chunks })),
      digest: async () => (await this.#ask(thread, { id, type: "digest" })).sha256 ?? "",
      drop: () => void this.#ask(thread, { id, type: "drop" }).catch(() => {}),
    };
  }

  /** Checksum of bytes, which must not change before the promise settles. */
  readonly checksum: ContentDigest = async (chunks, name) => {
    const order = { id: this.#count++, type: "checksum", name, chunks } as const;
    const { checksum = [] } = await this.#ask(this.#running(), order);
    return Buffer.from(checksum);
  };

  /**
   * Hashes an open file from its beginning to its end. When this settles, the file is no longer read.
   *
   * @returns lower-case hexadecimal
   * @throws the signal's reason, or the failure to read
   */
  async hashFile(fd: number, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    const id = this.#count++;
    const thread = this.#running();
    const response = this.#ask(thread, { id, type: "file", fd });
    // its response settles both: whichever comes first ends the reading
    const drop = () => thread.postMessage({ id, type: "drop" } satisfies HashOrder);
    signal.addEventListener("abort", drop, { once: true });
    try {
      const { sha256 } = await response;
      signal.throwIfAborted();
      return sha256 ?? "";
    } finally {
      signal.removeEventListener("abort", drop);
    }
  }

  /** Ends the thread; pending requests are rejected. */
  async close(): Promise<void> {
    await this.#thread?.terminate();
  }

  #ask(thread: Worker, order: HashOrder): Promise<HashResult> {
    return new Promise((resolve, reject) => {
      if (thread !== this.#thread) return reject(new Error(ENDED));
      const waiting = this.#waiting.get(order.id) ?? [];
      this.#waiting.set(order.id, waiting);
      waiting.push({ resolve, reject });
      thread.postMessage(order);
    });
  }

  #running(): Worker {
    this.#thread ??= this.#start();
    return this.#thread;
  }

  #start(): Worker {
    const thread = new Worker(new URL("./hash-thread.ts", import.meta.url), { resourceLimits: THREAD });
    let failure: unknown = new Error(ENDED);
    thread.on("message", (response: HashResult) => this.#respond(response));
    thread.on("error", (error) => {
      failure = error;
    });
    thread.once("exit", () => {
      // the next request starts another thread
      this.#thread = null;
      const lost = [...this.#waiting.values()].flat();
      this.#waiting.clear();
      for (const { reject } of lost) reject(failure);
    });
    // a process that has nothing else to do may exit
    thread.unref();
    return thread;
  }

  #respond(response: HashResult): void {
    const waiting = this.#waiting.get(response.id);
    const next = waiting?.shift();
    if (waiting?.length === 0) this.#waiting.delete(response.id);
    if (response.error !== undefined) next?.reject(response.error);
    else next?.resolve(response);
  }
}
