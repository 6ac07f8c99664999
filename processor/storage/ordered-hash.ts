import { createHash } from "node:crypto";

/** SHA-256 of a file whose parts arrive in any order: a part waits in memory until all before it were hashed. */
export class OrderedHash {
  readonly #hash = createHash("sha256");
  readonly #waiting = new Map<number, { chunks: readonly Uint8Array[]; hashed: () => void }>();
  #next = 0;
  #abandoned = false;

  /** Takes over a part (indexes from 0, each once); resolves when it was hashed and its memory is free. */
  add(index: number, chunks: readonly Uint8Array[]): Promise<void> {
    return new Promise((resolve) => {
      if (this.#abandoned) return resolve();
      this.#waiting.set(index, { chunks, hashed: resolve });
      for (let part = this.#waiting.get(this.#next); part; part = this.#waiting.get(this.#next)) {
        for (const chunk of part.chunks) this.#hash.update(chunk);
        this.#waiting.delete(this.#next++);
        part.hashed();
      }
    });
  }

  /** Frees all parts: one that others wait for will never come. */
  abandon(): void {
    this.#abandoned = true;
    for (const part of this.#waiting.values()) part.hashed();
    this.#waiting.clear();
  }

  /** The digest in lower-case hexadecimal; call once, after all parts. */
  digest(): string {
    if (this.#waiting.size > 0) throw new Error(`part ${this.#next} never arrived`);
    return this.#hash.digest("hex");
  }
}
