import { randomUUID } from "node:crypto";
import { optionHeaders } from "../../../schema/storage/object-options.ts";
import { StorageFault } from "../../fault.ts";
import type { NewObject, ObjectCopy, StoredObject } from "../object-store.ts";
import { copySource } from "../s3/copy-source.ts";
import { storedHeaders } from "../s3/stored-headers.ts";
import type { XmlService } from "../s3/xml-service.ts";
import { type CompletionState, completeSurely } from "../uploads/resolve-completion.ts";

/** Metadata that names the copy that wrote an object. */
const OWNER_HEADER = "x-goog-meta-upload";

/**
 * A copy with one request. Within a bucket and a storage class, Google copies no bytes, so the size does not matter; with
 * another storage class a large object may take longer than a connection lasts, which then fails as a lost response.
 *
 * It is fenced by the generation of the object under the key: a successor that wrote the key has changed it.
 */
export class WholeCopy implements ObjectCopy {
  readonly ref = `copy-${randomUUID()}`;
  retries = 0;
  readonly #service: XmlService;
  readonly #object: NewObject;
  readonly #source: StoredObject;
  /** Of the object that is replaced; 0 for none. */
  readonly #generation: string;

  private constructor(service: XmlService, object: NewObject, source: StoredObject, generation: string) {
    this.#service = service;
    this.#object = object;
    this.#source = source;
    this.#generation = generation;
  }

  /** @param replaced the object under the key; null for none */
  static open(
    service: XmlService,
    object: NewObject,
    { source, replaced }: { source: StoredObject; replaced: StoredObject | null },
  ): WholeCopy {
    return new WholeCopy(service, object, source, replaced?.version ?? "0");
  }

  async transfer(): Promise<void> {}

  async complete(): Promise<void> {
    await completeSurely({
      send: (onRetry) => this.#send(onRetry),
      inspect: () => this.#inspect(),
      isGone: () => false,
    });
  }

  /** There is nothing to drop. */
  async abort(): Promise<void> {}

  async #send(onRetry: () => void): Promise<void> {
    const { status } = await this.#service.client.send({
      method: "PUT",
      key: this.#object.key,
      headers: {
        ...storedHeaders(this.#object),
        ...optionHeaders(this.#service, "put"),
        ...copySource(this.#service, this.#source, null),
        "x-goog-copy-source-if-generation-match": this.#source.version,
        "x-goog-metadata-directive": "REPLACE",
        "x-goog-if-generation-match": this.#generation,
        [OWNER_HEADER]: this.ref,
      },
      onRetry: () => {
        onRetry();
        this.retries++;
      },
      accept: [412],
    });
    // a repeated request finds the object that the first one made
    if (status === 412 && (await this.#inspect()) !== "completed") {
      throw new StorageFault("upload_failed", "PreconditionFailed (412): another object took the place");
    }
  }

  async #inspect(): Promise<CompletionState> {
    const { status, headers } = await this.#service.client.send({
      method: "HEAD",
      key: this.#object.key,
      accept: [401, 403, 404],
    });
    if (status === 401 || status === 403) return "hidden";
    return status === 200 && headers[OWNER_HEADER] === this.ref ? "completed" : "failed";
  }
}
