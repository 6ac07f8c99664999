import { xmlTexts } from "../../../schema/storage/xml-answer.ts";
import { encodeKey, encodeStrictly, fromBase64, hmacSha256, toBase64, utf8 } from "../../lib/bytes.ts";
import type { TargetOf } from "./addresses.ts";
import {
  type StorageNetwork,
  StorageRefusedError,
  type StorageRequest,
  type StorageResponse,
  sendToStorage,
} from "./http.ts";
import { LINK_SECONDS, LISTED_KEYS, type StorageClient } from "./store.ts";

/** Version of the service's interface; signatures cover it. */
const VERSION = "2021-12-02";

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

  constructor(target: TargetOf<"blob">, network: StorageNetwork) {
    this.#target = target;
    this.#network = network;
  }

  async putObject(key: string, text: string): Promise<void> {
    const headers = { "content-type": "text/plain", "x-ms-blob-type": "BlockBlob" };
    await this.#send({ method: "PUT", key, body: text, headers });
  }

  async deleteObject(key: string): Promise<void> {
    await this.#send({ method: "DELETE", key, accept: [404] });
  }

  /** A SAS token signs nothing: a link with the token itself would hand out the right to write. */
  async signedLink(key: string): Promise<string | null> {
    const { account_name, credential, container } = this.#target;
    if ("sas_token" in credential) return null;
    const expiry = `${new Date(this.#network.clock() + LINK_SECONDS * 1000).toISOString().slice(0, 19)}Z`;
    const resource = `/blob/${account_name}/${container}/${key}`;
    // the empty lines: start, policy, addresses, protocol, and below snapshot, scope, and five headers of the response
    const text = ["r", "", expiry, resource, "", "", "", VERSION, "b", "", "", "", "", "", "", ""].join("\n");
    const query = {
      sv: VERSION,
      se: expiry,
      sr: "b",
      sp: "r",
      sig: await this.#sign(credential.account_key, text),
    };
    return `${this.#url(key)}?${queryString(query)}`;
  }

  /**
   * The service drops blocks only by a commit, and only all that wait at a blob: where nothing else waits and there is
   * no blob, an empty one is committed and deleted at once. Otherwise the blocks go with the next commit, or by
   * themselves within a week.
   *
   * @param ref stands in the id of each block of the upload
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

  /** Makes an empty blob where there is none; null where there is one. */
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
    const all: Record<string, string> = { ...headers, "x-ms-version": VERSION };
    const token = "sas_token" in credential ? credential.sas_token : "";
    const search = [queryString(query), token].filter((part) => part !== "").join("&");
    const url = `${this.#url(key)}${search === "" ? "" : `?${search}`}`;
    if ("account_key" in credential) {
      all["x-ms-date"] = new Date(this.#network.clock()).toUTCString();
      all.authorization = await this.#authorization(
        credential.account_key,
        { method, headers: all, body },
        url,
      );
    }
    return sendToStorage(this.#network, {
      method,
      url,
      headers: all,
      ...(body === undefined ? {} : { body }),
      ...(accept ? { accept } : {}),
    });
  }

  async #authorization(
    key: string,
    {
      method,
      headers,
      body = "",
    }: { method: string; headers: Record<string, string>; body: string | undefined },
    url: string,
  ): Promise<string> {
    const { account_name } = this.#target;
    const { pathname, searchParams } = new URL(url);
    const length = utf8(body).length;
    const own = Object.keys(headers)
      .filter((name) => name.startsWith("x-ms-"))
      .sort()
      .map((name) => `${name}:${headers[name]}`);
    const text = [
      method,
      "",
      "",
      length === 0 ? "" : String(length),
      "",
      headers["content-type"] ?? "",
      // date, a condition on time, two on the blob's state, another on time, and a range
      ...["", "", headers["if-match"] ?? "", headers["if-none-match"] ?? "", "", ""],
      ...own,
      `/${account_name}${pathname}`,
      ...[...searchParams].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}:${value}`),
    ].join("\n");
    return `SharedKey ${account_name}:${await this.#sign(key, text)}`;
  }

  async #sign(key: string, text: string): Promise<string> {
    return toBase64(await hmacSha256(fromBase64(key) ?? new Uint8Array(), text));
  }

  #url(key: string): string {
    const container = `${this.#target.endpoint}/${encodeKey(this.#target.container)}`;
    return key === "" ? container : `${container}/${encodeKey(key)}`;
  }
}

const queryString = (query: Readonly<Record<string, string>>): string =>
  Object.entries(query)
    .map(([name, value]) => `${name}=${encodeStrictly(value)}`)
    .join("&");
