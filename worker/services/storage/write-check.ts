import type { TargetOf } from "../../../schema/storage/address.ts";
import { type StorageNetwork, StorageRefusedError } from "./http.ts";
import type { StorageClient } from "./store.ts";
import { explainNoResponse, explainRefusal } from "./verify/explain.ts";

interface WriteCheckParts {
  readonly store: Pick<StorageClient, "putObject" | "deleteObject">;
  readonly target: TargetOf<"s3">;
  readonly network: StorageNetwork;
}

/** Outside of the folders of accounts and recordings. */
const KEY = ".waterspout/readiness.txt";
const TEXT = "Waterspout wrote this to check that it can. It may be deleted.\n";
/**
 * Interval between checks: `/readyz` needs no credential and may be called often, and each write costs the operator.
 */
const GOOD_FOR_MS = 60_000;
/** Shorter after a failure, because the operator is usually watching while fixing it. */
const BAD_FOR_MS = 2_000;

/** Checks with a real write that the operator's bucket accepts files. */
export class WriteCheck {
  readonly #parts: WriteCheckParts;
  // only the result is shared: one request must not await another request's promise
  #last: { readonly failure: string | null; readonly until: number } | null = null;

  constructor(parts: WriteCheckParts) {
    this.#parts = parts;
  }

  /** @returns a sentence for the operator; null if the object was written and deleted */
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
