import type { Storage } from "@google-cloud/storage";
import { readProviderError } from "../../../schema/storage/refusals.ts";
import { responseFailure, StorageFailedError } from "../failure.ts";
import type { StorageTransport } from "../transport.ts";

/** The identity to write with: the content of a service account's key file. */
export interface ServiceAccount {
  readonly clientEmail: string;
  /** PKCS #8 in PEM. */
  readonly privateKey: string;
  /** Where tokens are issued; checked by whatever connects to it. */
  readonly tokenUri: string;
  readonly projectId: string;
}

const GOOGLE_TOKEN_URI = "https://oauth2.googleapis.com/token";

/** The access tokens of a service account, through Google's SDK. */
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

  /** An access token; requested once and again when it is about to expire. */
  async token(): Promise<string> {
    const { authClient } = await this.#load();
    const token = await authClient.getAccessToken().catch((error: unknown) => {
      throw understood(error);
    });
    if (!token) throw new Error("no access token was issued");
    return token;
  }

  /** The SDK costs time and memory: the first run that needs it loads it. */
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

  /** Makes the SDK use the project's transport; it only knows Google's token host, a key file may name another. */
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
    // the SDK has parsed Google's response
    const text = typeof data === "string" ? data : JSON.stringify(data ?? {});
    return new StorageFailedError(
      responseFailure(readProviderError({ status, header: () => undefined, text })),
    );
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
