import { encodeKey, encodeStrictly, fromBase64, hmacSha256, toBase64, utf8 } from "../lib/bytes.ts";
import type { TargetOf } from "./storage-addresses.ts";
import { type StorageNetwork, type StorageRequest, sendToStorage } from "./storage-http.ts";
import { LINK_SECONDS, type ObjectStore } from "./storage-store.ts";

/** Version of the service's interface; signatures cover it. */
const VERSION = "2021-12-02";

interface BlobRequest extends Pick<StorageRequest, "method" | "body" | "accept"> {
  readonly key: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A container of Azure Blob Storage, by shared key or by a SAS token. */
export class BlobStore implements ObjectStore {
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
    // the empty lines: start, policy, addresses, protocol, and below snapshot, scope, and five headers of the answer
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

  /** Blocks that were never committed cannot be dropped alone; the service forgets them by itself within a week. */
  async abortUpload(): Promise<void> {}

  async #send({ method, key, headers = {}, body, accept }: BlobRequest): Promise<void> {
    const { credential } = this.#target;
    const all: Record<string, string> = { ...headers, "x-ms-version": VERSION };
    let url = this.#url(key);
    if ("sas_token" in credential) {
      url += `?${credential.sas_token}`;
    } else {
      all["x-ms-date"] = new Date(this.#network.clock()).toUTCString();
      all.authorization = await this.#authorization(
        credential.account_key,
        { method, headers: all, body },
        url,
      );
    }
    await sendToStorage(this.#network, {
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
      // date, four conditions and a range that no request here has
      ...["", "", "", "", "", ""],
      ...own,
      `/${account_name}${new URL(url).pathname}`,
    ].join("\n");
    return `SharedKey ${account_name}:${await this.#sign(key, text)}`;
  }

  async #sign(key: string, text: string): Promise<string> {
    return toBase64(await hmacSha256(fromBase64(key) ?? new Uint8Array(), text));
  }

  #url(key: string): string {
    return `${this.#target.endpoint}/${encodeKey(this.#target.container)}/${encodeKey(key)}`;
  }
}

const queryString = (query: Readonly<Record<string, string>>): string =>
  Object.entries(query)
    .map(([name, value]) => `${name}=${encodeStrictly(value)}`)
    .join("&");
