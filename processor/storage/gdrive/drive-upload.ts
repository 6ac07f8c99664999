import { createHash, randomUUID } from "node:crypto";
import type { TargetOf } from "../../../schema/storage/address.ts";
import { uploadUrl } from "../../../schema/storage/gdrive/drive-request.ts";
import {
  type DriveFile,
  type DriveTree,
  FILE_FIELDS,
  isOurs,
  MARK,
  UPLOAD_MARK,
} from "../../../schema/storage/gdrive/drive-tree.ts";
import { sealSession } from "../../../schema/storage/gdrive/session-ref.ts";
import { ServiceFault, StorageFault } from "../../fault.ts";
import type { NewObject, Upload } from "../object-store.ts";
import { type CompletionState, completeSurely } from "../uploads/resolve-completion.ts";
import type { DriveClient } from "./drive-client.ts";
import { DriveSession, first, lengthOf, sendableBytes, sessionOf, skip } from "./drive-session.ts";

/** What an upload to Drive needs. */
export interface DriveParts {
  readonly client: DriveClient;
  readonly target: Pick<TargetOf<"gdrive">, "endpoint" | "service_account">;
  readonly tree: DriveTree;
  /** The folder of a key; created if it is missing, by one run of this processor at a time. */
  readonly folderFor: (key: string) => Promise<string>;
}

/**
 * The file that an upload creates or replaces. A session of Drive accepts its bytes in order, and its last chunk
 * creates the file: so parts wait for those before them, and the end of each waits for the next one or for the
 * completion.
 */
export class DriveUpload implements Upload {
  readonly ref: string;
  retries = 0;
  readonly #parts: DriveParts;
  readonly #session: DriveSession;
  readonly #key: string;
  readonly #owner: string;
  readonly #hash = createHash("sha256");
  readonly #waiting = new Map<number, () => void>();
  /** The part that may be stored now. */
  #next = 0;
  /** Bytes that the session has. */
  #sent = 0;
  /** Bytes that the session does not have yet: at most one unit of chunks. */
  #held: readonly Uint8Array[] = [];
  #failure: unknown = null;
  readonly #onRetry = () => {
    this.retries++;
  };

  private constructor(parts: DriveParts, names: { key: string; owner: string; path: string; ref: string }) {
    this.#parts = parts;
    this.#key = names.key;
    this.#owner = names.owner;
    this.ref = names.ref;
    this.#session = new DriveSession(parts.client, `${parts.target.endpoint}${names.path}`);
  }

  static async open(parts: DriveParts, object: NewObject, signal: AbortSignal): Promise<DriveUpload> {
    const owner = randomUUID();
    let retries = 0;
    const onRetry = () => retries++;
    const folder = await parts.folderFor(object.key);
    const [existing] = await parts.tree.find(object.key);
    const path = await beginSession(parts, { object, owner, folder, existing }, { signal, onRetry });
    const ref = await sealSession(path, parts.target.service_account.private_key);
    const upload = new DriveUpload(parts, { key: object.key, owner, path, ref });
    upload.retries = retries;
    return upload;
  }

  async putPart(index: number, body: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    await this.#turnOf(index, signal);
    try {
      await this.#store(body, signal);
      this.#next = index + 1;
    } catch (error) {
      this.#failure ??= error;
      throw error;
    } finally {
      for (const wake of this.#waiting.values()) wake();
    }
  }

  async complete(): Promise<void> {
    const total = this.#sent + lengthOf(this.#held);
    if (this.#next === 0) throw new ServiceFault("internal", "an upload needs a part");
    const end = { start: this.#sent, chunks: this.#held, total };
    let file: DriveFile | null = null;
    await completeSurely({
      send: async (onRetry) => {
        const repeat = {
          onRetry: () => {
            onRetry();
            this.retries++;
          },
        };
        file = await this.#session.send(end, repeat);
      },
      inspect: () => this.#inspect(total),
      isGone: () => false,
    });
    const made = file ?? (await this.#made());
    if (made !== null) await this.#verify(made, total);
    // a failure here causes at most a second file of the same name, which the next upload finds
    await this.#removeOthers(made).catch(() => {});
  }

  abort(): Promise<void> {
    return this.#session.cancel();
  }

  /** Waits until all parts before this one are stored. */
  async #turnOf(index: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#failure !== null) throw this.#failure;
      if (this.#next === index) return;
      await new Promise<void>((resolve) => {
        const wake = () => {
          signal.removeEventListener("abort", wake);
          this.#waiting.delete(index);
          resolve();
        };
        signal.addEventListener("abort", wake, { once: true });
        this.#waiting.set(index, wake);
      });
    }
  }

  async #store(body: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    for (const chunk of body) this.#hash.update(chunk);
    const all = [...this.#held, ...body];
    const bytes = sendableBytes(lengthOf(all));
    if (bytes > 0) {
      const chunk = { start: this.#sent, chunks: first(all, bytes), total: null };
      await this.#session.send(chunk, { signal, onRetry: this.#onRetry });
      this.#sent += bytes;
    }
    // the memory of the part is reused
    this.#held = [Buffer.concat(skip(all, bytes))];
  }

  async #inspect(total: number): Promise<CompletionState> {
    const { is } = await this.#session.state(total);
    if (is === "open") return "unfinished";
    return is === "complete" || (await this.#made()) !== null ? "completed" : "failed";
  }

  /** The file that this upload created. */
  async #made(): Promise<DriveFile | null> {
    const found = await this.#parts.tree.find(this.#key);
    return found.find(({ properties }) => properties[UPLOAD_MARK] === this.#owner) ?? null;
  }

  async #verify({ id, size, sha256Checksum }: DriveFile, total: number): Promise<void> {
    const sha256 = this.#hash.copy().digest("hex");
    const isOther = sha256Checksum !== undefined && sha256Checksum.toLowerCase() !== sha256;
    if (!isOther && (size === undefined || Number(size) === total)) return;
    await this.#parts.tree.remove(id);
    throw new StorageFault("upload_failed", "ChecksumMismatch: the storage made a file of other bytes");
  }

  /** This project's files under the same name, which a search did not show when this upload began. */
  async #removeOthers(made: DriveFile | null): Promise<void> {
    if (made === null) return;
    const found = await this.#parts.tree.find(this.#key);
    const others = found.filter((file) => isOurs(file) && file.id !== made.id);
    await Promise.all(others.map(({ id }) => this.#parts.tree.remove(id)));
  }
}

interface Beginning {
  readonly object: NewObject;
  readonly owner: string;
  readonly folder: string;
  readonly existing: DriveFile | undefined;
}

/** Begins a session that replaces the content of a file, or creates a new one. @returns the session's path */
async function beginSession(
  { client, target }: DriveParts,
  { object, owner, folder, existing }: Beginning,
  repeat: { readonly signal: AbortSignal; readonly onRetry: () => void },
): Promise<string> {
  const metadata = metadataOf(object, owner);
  const begin = (method: "POST" | "PATCH", id: string | null, body: object) =>
    client.retrier.run(async () => {
      const answer = await client.exchange({
        ...{ method, signal: repeat.signal, body: [Buffer.from(JSON.stringify(body))] },
        url: uploadUrl(target.endpoint, id, { uploadType: "resumable", fields: FILE_FIELDS }),
        headers: {
          "content-type": "application/json; charset=UTF-8",
          "x-upload-content-type": object.contentType,
        },
        accept: id === null ? [] : [404],
      });
      return answer.status === 404 ? null : sessionOf(answer);
    }, repeat);
  // null: it was deleted since it was found
  const replacing = existing ? await begin("PATCH", existing.id, metadata) : null;
  const path = replacing ?? (await begin("POST", null, { ...metadata, parents: [folder] }));
  if (path === null)
    throw new StorageFault("upload_failed", "NoSession: the storage did not begin the upload");
  return path;
}

/** Properties of a file. @param owner names the upload that gave it its content */
export const metadataOf = ({ key, contentType }: NewObject, owner: string) => ({
  name: key.slice(key.lastIndexOf("/") + 1),
  mimeType: contentType,
  properties: { [MARK.name]: MARK.file, [UPLOAD_MARK]: owner },
});
