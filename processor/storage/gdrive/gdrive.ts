import { randomUUID } from "node:crypto";
import { CHUNK_UNIT_BYTES, multipartEnds, uploadUrl } from "../../../schema/storage/gdrive/drive-request.ts";
import { DriveTree, FILE_FIELDS, isOurs } from "../../../schema/storage/gdrive/drive-tree.ts";
import { openSession } from "../../../schema/storage/gdrive/session-ref.ts";
import type { NewObject, ObjectStore, PartLimits, UnfinishedUpload, Upload } from "../object-store.ts";
import { DriveClient, type DriveOptions } from "./drive-client.ts";
import { DriveSession } from "./drive-session.ts";
import { type DriveParts, DriveUpload, metadataOf } from "./drive-upload.ts";
import { inTurn } from "./in-turn.ts";

/** A file of Drive has at most 5 TB; parts are sent one after the other, in multiples of Drive's own unit. */
const LIMITS: PartLimits = {
  minBytes: 4 * CHUNK_UNIT_BYTES,
  maxBytes: 64 << 20,
  maxParts: 100_000,
  equalParts: false,
};

/**
 * A folder of Google Drive, by a service account. Drive knows ids and no keys; `docs/decisions/drive-has-no-keys.md` says
 * how folders, replacing, fencing and links follow from that.
 *
 * @example new GdriveObjectStore({ target, agentFor })
 */
export class GdriveObjectStore implements ObjectStore {
  readonly provider = "gdrive";
  readonly limits = LIMITS;
  readonly #parts: DriveParts;

  constructor(options: DriveOptions) {
    const { target } = options;
    const client = new DriveClient(options);
    const { endpoint, folder_id: folderId, service_account } = target;
    const tree = new DriveTree({ endpoint, folderId, send: (request) => client.send(request) });
    const place = `${endpoint} ${folderId} ${service_account.client_email}`;
    this.#parts = { client, target, tree, folderFor: (key) => inTurn(place, () => tree.folderFor(key)) };
  }

  open(object: NewObject, signal: AbortSignal): Promise<Upload> {
    return DriveUpload.open(this.#parts, object, signal);
  }

  async put(object: NewObject, body: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    const { client, target, tree, folderFor } = this.#parts;
    const folder = await folderFor(object.key);
    const boundary = randomUUID();
    await client.retrier.run(
      async () => {
        // a try whose answer was lost may have made the file
        const [existing] = await tree.find(object.key);
        const metadata = metadataOf(object, boundary);
        const whole = existing ? metadata : { ...metadata, parents: [folder] };
        const { contentType, head, tail } = multipartEnds(whole, object.contentType, boundary);
        await client.exchange({
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
  }

  /** A name that another key sealed cannot be opened: who has the account's new key cannot reach the session. */
  async abort(_key: string, uploadRef: string): Promise<void> {
    const { client, target } = this.#parts;
    const path = await openSession(uploadRef, target.service_account.private_key);
    if (path !== null) await new DriveSession(client, `${target.endpoint}${path}`).cancel();
  }

  /** Drive lists no sessions. One whose name nobody knows cannot be completed, and makes no file. */
  async listUploads(): Promise<UnfinishedUpload[]> {
    return [];
  }

  /** Files that people put under the same name stay. */
  async delete(key: string): Promise<void> {
    const { tree } = this.#parts;
    const ours = (await tree.find(key)).filter(isOurs);
    await Promise.all(ours.map(({ id }) => tree.remove(id)));
  }

  /** Nothing that Drive signs. The Worker shares a finished file where the account asks for it. */
  async signGet(): Promise<null> {
    return null;
  }

  close(): void {}
}
