import { randomUUID } from "node:crypto";
import { filesUrl, pathOfFile } from "../../../schema/storage/gdrive/drive-request.ts";
import { DriveFile, FILE_FIELDS, isOurs } from "../../../schema/storage/gdrive/drive-tree.ts";
import { sealSession } from "../../../schema/storage/gdrive/session-ref.ts";
import { StorageFault } from "../../fault.ts";
import type { NewObject, ObjectCopy, StoredObject } from "../object-store.ts";
import { type CompletionState, completeSurely } from "../uploads/resolve-completion.ts";
import { type DriveParts, metadataOf } from "./drive-upload.ts";

/** What names the content of a file. */
export const versionOf = ({ id, sha256Checksum = "" }: DriveFile): string => `${id} ${sha256Checksum}`;

/**
 * A copy of a file. Drive copies at once, so the copy gets a name of its own first; its completion renames it. A
 * successor deletes the file, and then there is nothing that could be renamed.
 */
export class DriveCopy implements ObjectCopy {
  readonly ref: string;
  retries = 0;
  readonly #parts: DriveParts;
  readonly #object: NewObject;
  readonly #source: StoredObject;
  readonly #copy: DriveFile;
  readonly #onRetry = () => {
    this.retries++;
  };

  private constructor(
    parts: DriveParts,
    { object, source, copy }: { object: NewObject; source: StoredObject; copy: DriveFile },
    ref: string,
  ) {
    this.#parts = parts;
    this.#object = object;
    this.#source = source;
    this.#copy = copy;
    this.ref = ref;
  }

  static async open(
    parts: DriveParts,
    object: NewObject,
    source: StoredObject,
    signal: AbortSignal,
  ): Promise<DriveCopy> {
    let retries = 0;
    const owner = randomUUID();
    const folder = await parts.folderFor(object.key);
    const { properties } = metadataOf(object, owner);
    const body = { name: `.${owner}.copy`, parents: [folder], properties };
    const [id = ""] = source.version.split(" ");
    const { client, target, tree } = parts;
    const copy = await client.retrier.run(
      async (attempt) => {
        // an attempt whose response was lost may have made it
        const [made] = attempt === 1 ? [] : await tree.findIn([folder], body.name);
        if (made) return made;
        const { text } = await client.exchange({
          ...{ method: "POST", signal, body: [Buffer.from(JSON.stringify(body))] },
          url: filesUrl(target.endpoint, `${id}/copy`, { fields: FILE_FIELDS }),
          headers: { "content-type": "application/json; charset=UTF-8" },
        });
        return DriveFile.parse(JSON.parse(text));
      },
      { signal, onRetry: () => retries++ },
    );
    const ref = await sealSession(pathOfFile(copy.id), target.service_account.private_key);
    const opened = new DriveCopy(parts, { object, source, copy }, ref);
    opened.retries = retries;
    return opened;
  }

  /** Compares what Drive copied with what was to be copied. */
  async transfer(): Promise<void> {
    const { size, sha256Checksum = "" } = this.#copy;
    const [, checksum = ""] = this.#source.version.split(" ");
    const isSame = checksum.toLowerCase() === sha256Checksum.toLowerCase();
    if (isSame && Number(size) === this.#source.bytes) return;
    throw new StorageFault("upload_failed", "the copied file was replaced meanwhile");
  }

  async complete(): Promise<void> {
    await completeSurely({
      send: (onRetry) => this.#rename(onRetry),
      inspect: () => this.#inspect(),
      isGone: () => false,
    });
    // a failure here causes at most a second file of the same name, which the next upload finds
    await this.#removeOthers().catch(() => {});
  }

  abort(): Promise<void> {
    return this.#parts.tree.remove(this.#copy.id);
  }

  async #rename(onRetry: () => void): Promise<void> {
    const { client, target } = this.#parts;
    const { name, mimeType } = metadataOf(this.#object, "");
    const { status, text } = await client.send(
      {
        method: "PATCH",
        url: filesUrl(target.endpoint, this.#copy.id, { fields: "trashed" }),
        body: { name, mimeType },
        accept: [404],
      },
      {
        onRetry: () => {
          onRetry();
          this.#onRetry();
        },
      },
    );
    const isGone = status === 404 || (JSON.parse(text) as { trashed?: boolean }).trashed === true;
    if (isGone) throw new StorageFault("upload_failed", "CopyGone: the storage has the copy no more (404)");
  }

  async #inspect(): Promise<CompletionState> {
    const found = await this.#parts.tree.get(this.#copy.id);
    if (found === null) return "failed";
    return found.name === metadataOf(this.#object, "").name ? "completed" : "unfinished";
  }

  /** This project's files under the same name: the copy replaces them. */
  async #removeOthers(): Promise<void> {
    const found = await this.#parts.tree.find(this.#object.key);
    const others = found.filter((file) => isOurs(file) && file.id !== this.#copy.id);
    await Promise.all(others.map(({ id }) => this.#parts.tree.remove(id)));
  }
}
