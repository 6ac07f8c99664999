import type { TargetOf } from "../../../schema/storage/address.ts";
import { RememberedCheck } from "../../lib/remembered-check.ts";
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

/** Checks with a real write that the operator's bucket accepts files. */
export class WriteCheck {
  readonly #parts: WriteCheckParts;
  readonly #memory: RememberedCheck;

  constructor(parts: WriteCheckParts) {
    this.#parts = parts;
    this.#memory = new RememberedCheck(parts.network.clock);
  }

  /** @returns a sentence for the operator; null if the object was written and deleted */
  run(): Promise<string | null> {
    return this.#memory.run(() => this.#write());
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
