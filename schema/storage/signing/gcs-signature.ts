import { fromBase64, sha256Hex, toBase64Url, toHex, utf8 } from "../../bytes.ts";
import { attachmentNamed, queryString } from "../object-path.ts";
import { compactTime } from "./compact-time.ts";
import { linkSeconds } from "./request-head.ts";

const STORAGE_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write";
/** The endpoint for tokens, whatever endpoint the key file names. */
const AUDIENCE = "https://oauth2.googleapis.com/token";
const TOKEN_SECONDS = 3600;
const ALGORITHM = "GOOG4-RSA-SHA256";

/** A service account and its key, as PKCS #8 in PEM. */
export interface GcsCredentials {
  readonly clientEmail: string;
  readonly privateKey: string;
}

/**
 * Tokens and signatures of a Google service account, made with WebCrypto because Google's own library does not start in
 * a Worker.
 */
export class GcsSignature {
  readonly #credentials: GcsCredentials;
  readonly #now: () => number;

  constructor(credentials: GcsCredentials, now: () => number) {
    this.#credentials = credentials;
    this.#now = now;
  }

  /**
   * The form that is exchanged for a token (RFC 7523).
   *
   * @param scope what the token may be used for; default: objects of Cloud Storage
   * @throws DOMException `DataError` for an invalid key
   */
  async tokenRequest(scope = STORAGE_SCOPE): Promise<string> {
    const now = Math.floor(this.#now() / 1000);
    const header = { alg: "RS256", typ: "JWT" };
    const { clientEmail: iss } = this.#credentials;
    const claim = { iss, scope, aud: AUDIENCE, iat: now, exp: now + TOKEN_SECONDS };
    const unsigned = [header, claim].map((part) => toBase64Url(utf8(JSON.stringify(part)))).join(".");
    const assertion = `${unsigned}.${toBase64Url(await this.#rsa(unsigned))}`;
    return String(
      new URLSearchParams({ grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion }),
    );
  }

  /**
   * A URL that reads an object for `seconds`, at most 7 days. With `fileName`, browsers save it under that name.
   *
   * @param url of the object, without a query
   */
  async presign(url: string, seconds: number, fileName?: string): Promise<string> {
    const { pathname, hostname } = new URL(url);
    const time = compactTime(this.#now());
    const scope = `${time.slice(0, 8)}/auto/storage/goog4_request`;
    const query = queryString({
      "X-Goog-Algorithm": ALGORITHM,
      "X-Goog-Credential": `${this.#credentials.clientEmail}/${scope}`,
      "X-Goog-Date": time,
      "X-Goog-Expires": String(linkSeconds(seconds)),
      "X-Goog-SignedHeaders": "host",
      ...(fileName === undefined ? {} : { "response-content-disposition": attachmentNamed(fileName) }),
    });
    // Google's library signs the host without its port
    const canonical = ["GET", pathname, query, `host:${hostname}`, "", "host", "UNSIGNED-PAYLOAD"].join("\n");
    const text = [ALGORITHM, time, scope, await sha256Hex(canonical)].join("\n");
    return `${url}?${query}&X-Goog-Signature=${toHex(await this.#rsa(text))}`;
  }

  async #rsa(text: string): Promise<ArrayBuffer> {
    const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
    const pkcs8 = derOf(this.#credentials.privateKey);
    const key = await crypto.subtle.importKey("pkcs8", pkcs8, algorithm, false, ["sign"]);
    return crypto.subtle.sign(algorithm.name, key, utf8(text));
  }
}

/** The bytes of a PEM key; empty if it is damaged, which the import then rejects. */
const derOf = (pem: string): Uint8Array<ArrayBuffer> =>
  fromBase64(pem.replace(/-----[^-]+-----|\s+/g, "")) ?? new Uint8Array();
