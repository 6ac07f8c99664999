import { xmlTexts } from "../../../schema/storage/xml-answer.ts";
import { encodeKey, encodeStrictly, fromBase64, toBase64Url, toHex, utf8 } from "../../lib/bytes.ts";
import { sha256Hex } from "../../lib/digest.ts";
import type { TargetOf } from "./addresses.ts";
import {
  type StorageNetwork,
  StorageRefusedError,
  type StorageRequest,
  type StorageResponse,
  sendToStorage,
} from "./http.ts";
import { LINK_SECONDS, LISTED_KEYS, type StorageClient } from "./store.ts";
import { compactTime } from "./time.ts";

const SCOPE = "https://www.googleapis.com/auth/devstorage.read_write";
/** Whom tokens are asked of; the same wherever the key file sends for them. */
const AUDIENCE = "https://oauth2.googleapis.com/token";
const TOKEN_SECONDS = 3600;
const ALGORITHM = "GOOG4-RSA-SHA256";

/** A bucket of Google Cloud Storage, by its XML interface and a service account. */
export class GcsStore implements StorageClient {
  readonly #target: TargetOf<"gcs">;
  readonly #network: StorageNetwork;
  #token: Promise<string> | undefined;

  constructor(target: TargetOf<"gcs">, network: StorageNetwork) {
    this.#target = target;
    this.#network = network;
  }

  async putObject(key: string, text: string): Promise<void> {
    const headers = { "content-type": "text/plain" };
    await this.#send({ method: "PUT", url: this.#url(key), body: text, headers });
  }

  async deleteObject(key: string): Promise<void> {
    await this.#send({ method: "DELETE", url: this.#url(key), accept: [404] });
  }

  async signedLink(key: string): Promise<string> {
    const { client_email } = this.#target.service_account;
    const url = new URL(this.#url(key));
    const time = compactTime(this.#network.clock());
    const scope = `${time.slice(0, 8)}/auto/storage/goog4_request`;
    const query = [
      ["X-Goog-Algorithm", ALGORITHM],
      ["X-Goog-Credential", `${client_email}/${scope}`],
      ["X-Goog-Date", time],
      ["X-Goog-Expires", String(LINK_SECONDS)],
      ["X-Goog-SignedHeaders", "host"],
    ]
      .map(([name = "", value = ""]) => `${name}=${encodeStrictly(value)}`)
      .join("&");
    const canonical = [
      "GET",
      url.pathname,
      query,
      `host:${url.hostname}`,
      "",
      "host",
      "UNSIGNED-PAYLOAD",
    ].join("\n");
    const text = [ALGORITHM, time, scope, await sha256Hex(canonical)].join("\n");
    return `${url.href}?${query}&X-Goog-Signature=${toHex(await this.#sign(text))}`;
  }

  async abortUpload(key: string, ref: string): Promise<void> {
    const url = `${this.#url(key)}?uploadId=${encodeStrictly(ref)}`;
    await this.#send({ method: "DELETE", url, accept: [404] });
  }

  async listKeys(prefix: string): Promise<string[]> {
    const { endpoint, bucket } = this.#target;
    const query = `list-type=2&max-keys=${LISTED_KEYS}&prefix=${encodeStrictly(prefix)}`;
    const url = `${endpoint}/${encodeStrictly(bucket)}?${query}`;
    return xmlTexts((await this.#send({ method: "GET", url })).text, "Key");
  }

  async #send(request: StorageRequest): Promise<StorageResponse> {
    this.#token ??= this.#fetchToken();
    const headers = { ...request.headers, authorization: `Bearer ${await this.#token}` };
    return sendToStorage(this.#network, { ...request, headers });
  }

  /** Exchanges a signed claim for a token (RFC 7523). */
  async #fetchToken(): Promise<string> {
    const { client_email, token_uri } = this.#target.service_account;
    const now = Math.floor(this.#network.clock() / 1000);
    const header = { alg: "RS256", typ: "JWT" };
    const claim = { iss: client_email, scope: SCOPE, aud: AUDIENCE, iat: now, exp: now + TOKEN_SECONDS };
    const unsigned = [header, claim].map((part) => toBase64Url(utf8(JSON.stringify(part)))).join(".");
    const assertion = `${unsigned}.${toBase64Url(await this.#sign(unsigned))}`;
    const { text } = await sendToStorage(this.#network, {
      method: "POST",
      url: token_uri,
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: String(
        new URLSearchParams({ grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion }),
      ),
    });
    const token = /"access_token"\s*:\s*"([^"]+)"/.exec(text)?.[1];
    if (!token) throw new StorageRefusedError(200, "invalid_token");
    return token;
  }

  async #sign(text: string): Promise<ArrayBuffer> {
    const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
    const pkcs8 = derOf(this.#target.service_account.private_key);
    const key = await crypto.subtle.importKey("pkcs8", pkcs8, algorithm, false, ["sign"]);
    return crypto.subtle.sign(algorithm.name, key, utf8(text));
  }

  #url(key: string): string {
    return `${this.#target.endpoint}/${encodeStrictly(this.#target.bucket)}/${encodeKey(key)}`;
  }
}

/** The bytes of a key in PEM; none when it is damaged, which the import then refuses. */
const derOf = (pem: string): Uint8Array<ArrayBuffer> =>
  fromBase64(pem.replace(/-----[^-]+-----|\s+/g, "")) ?? new Uint8Array();
