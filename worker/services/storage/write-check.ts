import type { TargetOf } from "./addresses.ts";
import { type StorageNetwork, StorageRefusedError } from "./http.ts";
import type { StorageClient } from "./store.ts";
import { explainNoResponse, explainRefusal } from "./verify/explain.ts";

interface WriteCheckParts {
  readonly store: Pick<StorageClient, "putObject" | "deleteObject">;
  readonly target: TargetOf<"s3">;
  readonly network: StorageNetwork;
}

/** Outside of what accounts and recordings use. */
const KEY = ".waterspout/readiness.txt";
const TEXT = "Waterspout wrote this to check that it can. It may be deleted.\n";
/** `/readyz` asks for no credential and may be called often; a write costs the operator. */
const GOOD_FOR_MS = 60_000;
/** A failure is usually fixed while the operator watches. */
const BAD_FOR_MS = 2_000;

/** Checks by a real write whether the operator's bucket takes files. */
export class WriteCheck {
  readonly #parts: WriteCheckParts;
  // the result alone: a promise of one request must not be awaited by another
  #last: { readonly failure: string | null; readonly until: number } | null = null;

  constructor(parts: WriteCheckParts) {
    this.#parts = parts;
  }

  /** @returns a sentence for the operator; null when the object was written and deleted */
  async run(): Promise<string | null> {
    const { clock } = this.#parts.network;
    if (this.#last && clock() < this.#last.until) return this.#last.failure;
    const failure = await this.#write();
    this.#last = { failure, until: clock() + (failure === null ? GOOD_FOR_MS : BAD_FOR_MS) };
    return failure;
  }

  async #write(): Promise<string | null> {
    const { network, store, target } = this.#parts;
    try {
      await store.putObject(KEY, TEXT);
      await store.deleteObject(KEY);
      return null;
    } catch (error) {
      const why =
        error instanceof StorageRefusedError
          ? explainRefusal(error, target, ".waterspout")
          : await explainNoResponse(error, target, network);
      return `the managed bucket takes no files: ${why}`;
    }
  }
}
