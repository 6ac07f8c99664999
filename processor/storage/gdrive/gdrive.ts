import { randomUUID } from "node:crypto";
import {
  CHUNK_UNIT_BYTES,
  fileOfPath,
  filesUrl,
  multipartEnds,
  uploadUrl,
} from "../../../schema/storage/gdrive/drive-request.ts";
import { DriveFile, DriveTree, FILE_FIELDS, isOurs } from "../../../schema/storage/gdrive/drive-tree.ts";
import { openSession } from "../../../schema/storage/gdrive/session-ref.ts";
import type {
  NewObject,
  ObjectCopy,
  ObjectStore,
  PartLimits,
  StoredObject,
  UnfinishedUpload,
  Upload,
} from "../object-store.ts";
import { DriveClient, type DriveOptions } from "./drive-client.ts";
import { DriveCopy, versionOf } from "./drive-copy.ts";
import { DriveSession, lengthOf } from "./drive-session.ts";
import { type DriveParts, DriveUpload, metadataOf } from "./drive-upload.ts";
import { inTurn } from "./in-turn.ts";

/** A file of Drive has at most 5 TB; parts are sent one after the other, in multiples of Drive's own unit. */
const LIMITS: PartLimits = {
  minBytes: 4 * CHUNK_UNIT_BYTES,
  maxBytes: 64 << 20,
  maxParts: 100_000,
  equalParts: false,
  inOrder: true,
};

/** Google documents requests with metadata and content for files up to this size. */
const MAX_WHOLE_BYTES = 5_000_000;

/**
 * A folder of Google Drive, accessed by a service account. Drive has ids and no keys;
 * `docs/decisions/drive-has-no-keys.md` explains what follows for folders, replacing, fencing and links.
 *
 * @example new GdriveObjectStore({ target, agentFor })
 */
export class GdriveObjectStore implements ObjectStore {
  readonly provider = "gdrive";
  readonly limits = LIMITS;
  readonly #parts: DriveParts;
  /** Ids of small objects that this run stored: the pieces of a recording are read and deleted soon after. */
  readonly #ids = new Map<string, string>();
  readonly #folders = new Map<string, Promise<string>>();

  constructor(options: DriveOptions) {
    const { target } = options;
    const client = new DriveClient(options);
    const { endpoint, folder_id: folderId, service_account } = target;
    const tree = new DriveTree({ endpoint, folderId, send: (request) => client.send(request) });
    const place = `${endpoint} ${folderId} ${service_account.client_email}`;
    this.#parts = { client, target, tree, folderFor: (key) => inTurn(place, () => tree.folderFor(key)) };
  }

  connect(): void {
    this.#parts.client.connect();
  }

  open(object: NewObject, signal: AbortSignal): Promise<Upload> {
    return DriveUpload.open(this.#parts, object, signal);
  }

  /** Drive accepts up to 5 MB in one request; anything larger is an upload of one part. */
  async put(object: NewObject, body: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    if (lengthOf(body) > MAX_WHOLE_BYTES) {
      const upload = await this.open(object, signal);
      await upload.putPart(0, body, signal);
      return await upload.complete();
    }
    const { client, target, tree } = this.#parts;
    const folder = await this.#folderOf(object.key);
    const boundary = randomUUID();
    const { text } = await client.retrier.run(
      async () => {
        const metadata = metadataOf(object, boundary);
        // an attempt whose response was lost may have created it
        const [existing] = await tree.findIn([folder], metadata.name);
        const whole = existing ? metadata : { ...metadata, parents: [folder] };
        const { contentType, head, tail } = multipartEnds(whole, object.contentType, boundary);
        return await client.exchange({
          method: existing ? "PATCH" : "POST",
          url: uploadUrl(target.endpoint, existing?.id ?? null, {
            uploadType: "multipart",
            fields: FILE_FIELDS,
          }),
          headers: { "content-type": contentType },
          body: [Buffer.from(head), ...body, Buffer.from(tail)],
          signal,
        });
      },
      { signal },
    );
    this.#ids.set(object.key, DriveFile.parse(JSON.parse(text)).id);
  }

  /** A file that people put under the same name is not the object. */
  async find(key: string): Promise<StoredObject | null> {
    const [file] = await this.#parts.tree.find(key);
    return file && isOurs(file) ? { key, bytes: Number(file.size ?? 0), version: versionOf(file) } : null;
  }

  openCopy(object: NewObject, source: StoredObject, signal: AbortSignal): Promise<ObjectCopy> {
    return DriveCopy.open(this.#parts, object, source, signal);
  }

  /**
   * A name that was sealed with another key cannot be opened: the account's new key does not give access to the
   * session.
   */
  async abort(_key: string, uploadRef: string): Promise<void> {
    const { client, target, tree } = this.#parts;
    const path = await openSession(uploadRef, target.service_account.private_key);
    const copied = path === null ? null : fileOfPath(path);
    if (copied !== null) return await tree.remove(copied);
    if (path !== null) await new DriveSession(client, `${target.endpoint}${path}`).cancel();
  }

  /** Drive lists no sessions. A session whose name is unknown cannot be completed, and creates no file. */
  async listUploads(): Promise<UnfinishedUpload[]> {
    return [];
  }

  /** Files that people put under the same name stay. */
  async delete(key: string): Promise<void> {
    const { tree } = this.#parts;
    const known = this.#ids.get(key);
    this.#ids.delete(key);
    if (known !== undefined) return await tree.remove(known);
    const ours = (await tree.find(key)).filter(isOurs);
    await Promise.all(ours.map(({ id }) => tree.remove(id)));
  }

  /** Drive signs no links. The Worker shares a finished file if the account asks for it. */
  async signGet(): Promise<null> {
    return null;
  }

  /** The file's content, for requests with this account's token; a missing object is answered with 404. */
  async ownLink(key: string): Promise<string> {
    const { tree, target } = this.#parts;
    const id = this.#ids.get(key) ?? (await tree.find(key))[0]?.id ?? "missing";
    return filesUrl(target.endpoint, id, { alt: "media" });
  }

  async ownHeaders(): Promise<Readonly<Record<string, string>>> {
    return await this.#parts.client.headers();
  }

  /** Requested once for each folder of a run. */
  #folderOf(key: string): Promise<string> {
    const path = key.slice(0, key.lastIndexOf("/") + 1);
    const known = this.#folders.get(path);
    if (known) return known;
    const folder = this.#parts.folderFor(key);
    this.#folders.set(path, folder);
    folder.catch(() => this.#folders.delete(path));
    return folder;
  }

  close(): void {}
}
