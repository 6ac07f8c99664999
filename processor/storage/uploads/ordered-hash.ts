import type { Digest } from "./hasher.ts";

interface Part {
  readonly chunks: readonly Uint8Array[];
  readonly hashed: () => void;
  readonly failed: (error: unknown) => void;
}

/** SHA-256 of a file whose parts arrive in any order: a part waits in memory until all before it were hashed. */
export class OrderedHash {
  readonly #digest: Digest;
  readonly #waiting = new Map<number, Part>();
  #next = 0;
  #abandoned = false;

  /** @param digest used by nothing else */
  constructor(digest: Digest) {
    this.#digest = digest;
  }

  /** Takes ownership of a part (indexes from 0, each once); resolves when it was hashed and its memory is free. */
  add(index: number, chunks: readonly Uint8Array[]): Promise<void> {
    return new Promise((hashed, failed) => {
      if (this.#abandoned) return hashed();
      this.#waiting.set(index, { chunks, hashed, failed });
      for (let part = this.#waiting.get(this.#next); part; part = this.#waiting.get(this.#next)) {
        this.#waiting.delete(this.#next++);
        // the digest receives them in this order, whenever it finishes each
        this.#digest.update(part.chunks).then(part.hashed, part.failed);
      }
    });
  }

  /** Frees all parts: one that others wait for will never come. */
  abandon(): void {
    if (this.#abandoned) return;
    this.#abandoned = true;
    this.#digest.drop();
    for (const part of this.#waiting.values()) part.hashed();
    this.#waiting.clear();
  }

  /** The digest in lower-case hexadecimal; call once, after all parts. */
  async digest(): Promise<string> {
    if (this.#waiting.size > 0) throw new Error(`part ${this.#next} never arrived`);
    return await this.#digest.digest();
  }
}
