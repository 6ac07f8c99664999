import { z } from "zod";
import type { TargetOf } from "../../../schema/storage/address.ts";
import {
  type DriveRequest,
  fileOfPath,
  filesUrl,
  multipartEnds,
  uploadUrl,
} from "../../../schema/storage/gdrive/drive-request.ts";
import { DriveTree, isOurs, MARK } from "../../../schema/storage/gdrive/drive-tree.ts";
import { GoogleTokens } from "../../../schema/storage/gdrive/google-tokens.ts";
import { openSession } from "../../../schema/storage/gdrive/session-ref.ts";
import {
  type StorageNetwork,
  StorageRefusedError,
  type StorageRequest,
  type StorageResponse,
  sendToStorage,
} from "./http.ts";
import { LISTED_KEYS, type StorageClient } from "./store.ts";

const Permissions = z.object({ permissions: z.array(z.object({ type: z.string() })) });
const Link = z.object({ webContentLink: z.url().optional() });

/** A session that is gone already; Google's upload server answers 499 to its cancellation. */
const GONE = [400, 404, 410, 499];
const JSON_TYPE = "application/json; charset=UTF-8";

/** A folder of Google Drive, by a service account. */
export class GdriveStore implements StorageClient {
  readonly #target: TargetOf<"gdrive">;
  readonly #network: StorageNetwork;
  readonly #tokens: GoogleTokens;
  readonly #tree: DriveTree;

  constructor(target: TargetOf<"gdrive">, network: StorageNetwork) {
    this.#target = target;
    this.#network = network;
    this.#tokens = new GoogleTokens(target.service_account, this.#exchangeToken, network.clock);
    const { endpoint, folder_id: folderId } = target;
    this.#tree = new DriveTree({ endpoint, folderId, send: (request) => this.#send(request) });
  }

  async putObject(key: string, text: string): Promise<void> {
    const folder = await this.#tree.folderFor(key);
    const [existing] = await this.#tree.find(key);
    const name = key.slice(key.lastIndexOf("/") + 1);
    const metadata = {
      ...{ name, mimeType: "text/plain", properties: { [MARK.name]: MARK.file } },
      ...(existing ? {} : { parents: [folder] }),
    };
    const { contentType, head, tail } = multipartEnds(metadata, "text/plain", crypto.randomUUID());
    await this.#authorized({
      method: existing ? "PATCH" : "POST",
      url: uploadUrl(this.#target.endpoint, existing?.id ?? null, { uploadType: "multipart", fields: "id" }),
      headers: { "content-type": contentType },
      body: head + text + tail,
    });
  }

  /** Files that people put under the same name stay. */
  async deleteObject(key: string): Promise<void> {
    const ours = (await this.#tree.find(key)).filter(isOurs);
    await Promise.all(ours.map(({ id }) => this.#tree.remove(id)));
  }

  /** Null if the file is not open to everybody with the link, and this account may not or should not share it. */
  async signedLink(key: string): Promise<string | null> {
    const [file] = await this.#tree.find(key);
    if (!file || !isOurs(file)) return null;
    const isShared = this.#target.share_links ? await this.#share(file.id) : await this.#isShared(file.id);
    if (!isShared) return null;
    const url = filesUrl(this.#target.endpoint, file.id, { fields: "webContentLink" });
    const { text } = await this.#send({ method: "GET", url });
    return Link.parse(JSON.parse(text)).webContentLink ?? null;
  }

  /** @param ref as the run sealed it; null where the account has another key since */
  async abortUpload(_key: string, ref: string): Promise<void> {
    const path = await openSession(ref, this.#target.service_account.private_key);
    if (path === null) return;
    const copied = fileOfPath(path);
    if (copied !== null) return await this.#tree.remove(copied);
    const url = `${this.#target.endpoint}${path}`;
    const { status } = await this.#authorized({ method: "DELETE", url, accept: GONE });
    if (status !== 499 && status !== 404 && status !== 410) await this.#requireGone(url);
  }

  listKeys(prefix: string): Promise<string[]> {
    return this.#tree.list(prefix, LISTED_KEYS);
  }

  /** The cancellation is documented for Cloud Storage only: the session itself says whether it worked. */
  async #requireGone(url: string): Promise<void> {
    const headers = { "content-range": "bytes */*" };
    const { status } = await this.#authorized({ method: "PUT", url, headers, accept: [308, ...GONE] });
    if (status === 308) throw new StorageRefusedError(503, "NotCancelled");
  }

  /** Opens a file to everybody with its link. False if the account may not do that, or not as often in a day. */
  async #share(id: string): Promise<boolean> {
    const url = filesUrl(this.#target.endpoint, `${id}/permissions`, { fields: "id" });
    const body = { type: "anyone", role: "reader" };
    const { status } = await this.#send({ method: "POST", url, body, accept: [400, 403] });
    return status < 400;
  }

  /** Whether the folder is open to everybody who has the link, and the file with it. */
  async #isShared(id: string): Promise<boolean> {
    const url = filesUrl(this.#target.endpoint, `${id}/permissions`, { fields: "permissions(type)" });
    const { status, text } = await this.#send({ method: "GET", url, accept: [403] });
    if (status === 403) return false;
    return Permissions.parse(JSON.parse(text)).permissions.some(({ type }) => type === "anyone");
  }

  #send({ method, url, body, accept }: DriveRequest): Promise<StorageResponse> {
    const json =
      body === undefined ? {} : { headers: { "content-type": JSON_TYPE }, body: JSON.stringify(body) };
    return this.#authorized({ method, url, ...json, ...(accept ? { accept } : {}) });
  }

  async #authorized(
    request: StorageRequest & { headers?: Record<string, string> },
  ): Promise<StorageResponse> {
    const authorization = `Bearer ${await this.#tokens.token()}`;
    return sendToStorage(this.#network, { ...request, headers: { ...request.headers, authorization } });
  }

  readonly #exchangeToken = async (url: string, form: string): Promise<string> => {
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    return (await sendToStorage(this.#network, { method: "POST", url, headers, body: form })).text;
  };
}
