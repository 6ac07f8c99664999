import type { Storage } from "@google-cloud/storage";
import { attachmentNamed } from "../encode-key.ts";
import { responseFailure, StorageFailedError } from "../failure.ts";
import type { StorageTransport } from "../transport.ts";

/** As whom to write: what a service account's key file says. */
export interface ServiceAccount {
  readonly clientEmail: string;
  /** PKCS #8 in PEM. */
  readonly privateKey: string;
  /** Where tokens are issued; judged by their issuer. */
  readonly tokenUri: string;
  readonly projectId: string;
}

const GOOGLE_TOKEN_URI = "https://oauth2.googleapis.com/token";
const WEEK_SECONDS = 604_800;

/** A service account, through Google's SDK: access tokens and signed links. */
export class GcsAccount {
  readonly #account: ServiceAccount;
  readonly #endpoint: string;
  readonly #transport: StorageTransport;
  #storage: Promise<Storage> | null = null;

  constructor(account: ServiceAccount, endpoint: string, transport: StorageTransport) {
    this.#account = account;
    this.#endpoint = endpoint;
    this.#transport = transport;
  }

  /** An access token; asked for once and again when it is about to expire. */
  async token(): Promise<string> {
    const { authClient } = await this.#load();
    const token = await authClient.getAccessToken().catch((error: unknown) => {
      throw understood(error);
    });
    if (!token) throw new Error("no access token was issued");
    return token;
  }

  /** A link that reads an object for `seconds`, at most 7 days; needs no connection. */
  async link(bucket: string, key: string, seconds: number, fileName?: string): Promise<string> {
    const storage = await this.#load();
    const limited = Math.min(WEEK_SECONDS, Math.max(1, Math.floor(seconds)));
    const now = Math.floor(Date.now() / 1000) * 1000;
    const [link] = await storage
      .bucket(bucket)
      .file(key)
      .getSignedUrl({
        version: "v4",
        action: "read",
        accessibleAt: now,
        expires: now + limited * 1000,
        ...(fileName === undefined ? {} : { responseDisposition: attachmentNamed(fileName) }),
      });
    return link;
  }

  /** The SDK costs time and memory: it is loaded by the first run that needs it. */
  #load(): Promise<Storage> {
    this.#storage ??= import("@google-cloud/storage").then((sdk) => {
      const { clientEmail, privateKey, projectId } = this.#account;
      const storage = new sdk.Storage({
        apiEndpoint: this.#endpoint,
        projectId,
        clientOptions: { transporterOptions: { fetchImplementation: this.#fetch } },
      });
      storage.authClient.jsonContent = {
        type: "service_account",
        client_email: clientEmail,
        private_key: privateKey,
      };
      return storage;
    });
    return this.#storage;
  }

  /** Lets the SDK send through our transport; it knows Google's token host only, a key file may know another. */
  readonly #fetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const asked = input instanceof Request ? input.url : String(input);
    const url = new URL(asked === GOOGLE_TOKEN_URI ? this.#account.tokenUri : asked);
    const response = await this.#transport.exchange({
      method: init?.method ?? "GET",
      url,
      headers: Object.fromEntries(new Headers(init?.headers)),
      body: [Buffer.from(String(init?.body ?? ""))],
    });
    const contentType = response.headers["content-type"] ?? "application/json";
    return new Response(response.text, { status: response.status, headers: { "content-type": contentType } });
  };
}

interface TokenRefusal {
  readonly response: { readonly status: number; readonly data?: unknown };
}

function understood(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (isRefusal(error)) {
    const { status, data } = error.response;
    return new StorageFailedError(responseFailure({ status, ...oauthError(data) }));
  }
  if ("code" in error && /^ERR_(OSSL|CRYPTO)/.test(String(error.code))) {
    const detail = "MalformedKey: the service account's private key cannot be read";
    return new StorageFailedError({ code: "upload_refused", detail, retryable: false });
  }
  return error.cause ?? error;
}

const isRefusal = (error: Error): error is Error & TokenRefusal =>
  "response" in error &&
  typeof error.response === "object" &&
  error.response !== null &&
  "status" in error.response &&
  typeof error.response.status === "number";

function oauthError(data: unknown): { name: string; message: string } {
  const text = (name: string): string =>
    typeof data === "object" && data !== null ? String(Reflect.get(data, name) ?? "") : "";
  return { name: text("error"), message: text("error_description") };
}
