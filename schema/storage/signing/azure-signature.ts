import { fromBase64, hmacSha256, toBase64 } from "../../bytes.ts";
import { attachmentNamed } from "../object-path.ts";
import type { RequestHead } from "./request-head.ts";

/** Version of the service's API; part of every signature. */
export const AZURE_VERSION = "2021-12-02";

/** An account and its key in Base64. */
export interface AzureCredentials {
  readonly accountName: string;
  readonly accountKey: string;
}

/**
 * Signatures of Azure Blob Storage with an account key, made with WebCrypto because Azure's own library does not start
 * in a Worker.
 */
export class AzureSignature {
  readonly #credentials: AzureCredentials;
  readonly #now: () => number;

  constructor(credentials: AzureCredentials, now: () => number) {
    this.#credentials = credentials;
    this.#now = now;
  }

  /** The request's headers including its Shared Key signature. @param bodyBytes length of the body */
  async sign({ method, url, headers }: RequestHead, bodyBytes: number): Promise<Record<string, string>> {
    const { accountName } = this.#credentials;
    const signed: Record<string, string> = { ...headers, "x-ms-date": new Date(this.#now()).toUTCString() };
    const { pathname, searchParams } = new URL(url);
    const own = Object.keys(signed)
      .filter((name) => name.startsWith("x-ms-"))
      .sort()
      .map((name) => `${name}:${signed[name]}`);
    const text = [
      method,
      // content encoding and language
      ...["", ""],
      bodyBytes === 0 ? "" : String(bodyBytes),
      signed["content-md5"] ?? "",
      signed["content-type"] ?? "",
      // date, If-Modified-Since, If-Match, If-None-Match, If-Unmodified-Since, Range
      ...["", "", signed["if-match"] ?? "", signed["if-none-match"] ?? "", "", ""],
      ...own,
      `/${accountName}${pathname}`,
      ...[...searchParams].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}:${value}`),
    ].join("\n");
    return { ...signed, authorization: `SharedKey ${accountName}:${await this.#hmac(text)}` };
  }

  /**
   * Query parameters that let anybody read a blob for `seconds` (a service SAS). With `fileName`, browsers save it
   * under that name.
   */
  async readToken(
    container: string,
    key: string,
    seconds: number,
    fileName?: string,
  ): Promise<Record<string, string>> {
    const expiry = `${new Date(this.#now() + seconds * 1000).toISOString().slice(0, 19)}Z`;
    const resource = `/blob/${this.#credentials.accountName}/${container}/${key}`;
    const named = fileName === undefined ? "" : attachmentNamed(fileName);
    // empty lines: start, policy, addresses, protocol, and further down snapshot, scope, and four more response headers
    const text = [
      ...["r", "", expiry, resource, "", "", "", AZURE_VERSION, "b"],
      ...["", "", "", named, "", "", ""],
    ].join("\n");
    const sig = await this.#hmac(text);
    return { sv: AZURE_VERSION, se: expiry, sr: "b", sp: "r", ...(named === "" ? {} : { rscd: named }), sig };
  }

  async #hmac(text: string): Promise<string> {
    return toBase64(await hmacSha256(fromBase64(this.#credentials.accountKey) ?? new Uint8Array(), text));
  }
}
