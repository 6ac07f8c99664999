import { utf8 } from "../../../schema/bytes.ts";
import { addressOf, objectUrl, type TargetOf } from "../../../schema/storage/address.ts";
import { optionHeaders } from "../../../schema/storage/object-options.ts";
import { queryString } from "../../../schema/storage/object-path.ts";
import { permissionFor } from "../../../schema/storage/permissions.ts";
import { AZURE_VERSION, AzureSignature } from "../../../schema/storage/signing/azure-signature.ts";
import { xmlTexts } from "../../../schema/storage/xml-answer.ts";
import { contentMd5 } from "../../lib/content-md5.ts";
import {
  type StorageNetwork,
  StorageRefusedError,
  type StorageRequest,
  type StorageResponse,
  sendToStorage,
} from "./http.ts";
import { LINK_SECONDS, LISTED_KEYS, type StorageClient } from "./store.ts";

interface BlobRequest extends Pick<StorageRequest, "method" | "body" | "accept"> {
  /** Empty for the container. */
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

const NO_BLOCKS = '<?xml version="1.0" encoding="utf-8"?><BlockList></BlockList>';

/** A container of Azure Blob Storage, by shared key or by a SAS token. */
export class BlobStore implements StorageClient {
  readonly #target: TargetOf<"blob">;
  readonly #network: StorageNetwork;
  /** Null for a SAS token, which signs nothing. */
  readonly #signature: AzureSignature | null;

  constructor(target: TargetOf<"blob">, network: StorageNetwork) {
    const { account_name: accountName, credential } = target;
    this.#target = target;
    this.#network = network;
    this.#signature =
      "account_key" in credential
        ? new AzureSignature({ accountName, accountKey: credential.account_key }, network.clock)
        : null;
  }

  async putObject(key: string, text: string): Promise<void> {
    const headers = {
      ...{ "content-type": "text/plain", "content-md5": await contentMd5(text) },
      ...{ "x-ms-blob-type": "BlockBlob", ...optionHeaders(this.#target, "put") },
    };
    await this.#send({ method: "PUT", key, body: text, headers });
  }

  async deleteObject(key: string): Promise<void> {
    await this.#send({ method: "DELETE", key, accept: [404] });
  }

  /** A SAS token signs nothing: a link with the token itself would hand out the right to write. */
  async signedLink(key: string): Promise<string | null> {
    const token = await this.#signature?.readToken(this.#target.container, key, LINK_SECONDS);
    return token ? objectUrl(addressOf(this.#target), key, token) : null;
  }

  /**
   * The service has no call that drops blocks. A commit drops all uncommitted blocks of a blob. If no other upload is
   * waiting and there is no blob, an empty one is committed and deleted at once. Otherwise the next commit drops the
   * blocks, or the service does within a week.
   *
   * @param ref is part of the id of each block of the upload
   */
  async abortUpload(key: string, ref: string): Promise<void> {
    const list = { comp: "blocklist", blocklisttype: "uncommitted" };
    const { text } = await this.#send({ method: "GET", key, query: list, accept: [404] });
    const ids = xmlTexts(text, "Name").map((id) => atob(id));
    if (ids.length === 0 || !ids.every((id) => id.includes(`-${ref}-`))) return;
    const etag = await this.#commitNothing(key);
    if (etag !== null) {
      await this.#send({ method: "DELETE", key, headers: { "if-match": etag }, accept: [404, 412] });
    }
  }

  async listKeys(prefix: string): Promise<string[]> {
    const query = { restype: "container", comp: "list", maxresults: `${LISTED_KEYS}`, prefix };
    return xmlTexts((await this.#send({ method: "GET", key: "", query })).text, "Name");
  }

  /** Creates an empty blob if there is none. @returns null if there is one */
  async #commitNothing(key: string): Promise<string | null> {
    try {
      const headers = { "if-none-match": "*", "content-type": "application/xml" };
      const query = { comp: "blocklist" };
      return (await this.#send({ method: "PUT", key, query, body: NO_BLOCKS, headers })).etag;
    } catch (error) {
      if (error instanceof StorageRefusedError && (error.status === 409 || error.status === 412)) return null;
      throw error;
    }
  }

  async #send({
    method,
    key,
    query = {},
    headers = {},
    body,
    accept,
  }: BlobRequest): Promise<StorageResponse> {
    const { credential } = this.#target;
    const token = "sas_token" in credential ? credential.sas_token : "";
    const search = [queryString(query), token].filter((part) => part !== "").join("&");
    const url = `${objectUrl(addressOf(this.#target), key)}${search === "" ? "" : `?${search}`}`;
    const unsigned = { ...headers, "x-ms-version": AZURE_VERSION };
    const signed = await this.#signature?.sign({ method, url, headers: unsigned }, utf8(body ?? "").length);
    return sendToStorage(this.#network, {
      method,
      url,
      headers: signed ?? unsigned,
      permission: permissionFor("blob", { method, key }),
      ...(body === undefined ? {} : { body }),
      ...(accept ? { accept } : {}),
    });
  }
}
