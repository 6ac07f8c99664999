import type { TargetOf } from "../../../schema/storage/address.ts";
import type { DriveRequest } from "../../../schema/storage/gdrive/drive-request.ts";
import { GoogleTokens } from "../../../schema/storage/gdrive/google-tokens.ts";
import { answeredFailure, StorageFailedError } from "../failure.ts";
import { Retrier, type RetrierRunOptions } from "../retrier.ts";
import type { StoreOptions } from "../store-options.ts";
import { type StorageRequest, type StorageResponse, StorageTransport } from "../transport.ts";

/** Where to write, and with which credentials. */
export interface DriveOptions extends StoreOptions {
  readonly target: Pick<TargetOf<"gdrive">, "endpoint" | "folder_id" | "service_account">;
}

/** One exchange with Drive, before it is authorised. */
export interface DriveExchange extends Pick<StorageRequest, "body" | "signal"> {
  readonly method: DriveRequest["method"] | "PUT";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly accept?: readonly number[] | undefined;
}

/** Authorised requests to Google Drive. */
export class DriveClient {
  readonly retrier: Retrier;
  readonly #transport: StorageTransport;
  readonly #tokens: GoogleTokens;
  readonly #endpoint: string;

  constructor({ target: { service_account, endpoint }, ...options }: DriveOptions) {
    this.#endpoint = endpoint;
    this.retrier = new Retrier({ ...options, secrets: [service_account.private_key] });
    this.#transport = new StorageTransport(options);
    const now = () => this.retrier.clock.now();
    this.#tokens = new GoogleTokens(service_account, (url, form) => this.#exchangeToken(url, form), now);
  }

  /** Gets a connection and a token ahead of the first request, which meets their failures again. */
  connect(): void {
    this.#transport.connect(new URL(this.#endpoint));
    this.#tokens.token().catch(() => {});
  }

  /** A request with a JSON body or none, retried while it makes sense. @throws Fault */
  send(
    { method, url, body, accept }: DriveRequest,
    repeat: RetrierRunOptions = {},
  ): Promise<StorageResponse> {
    const json = body === undefined ? {} : { headers: JSON_TYPE, body: [Buffer.from(JSON.stringify(body))] };
    const { signal } = repeat;
    return this.retrier.run(() => this.exchange({ method, url, accept, signal, ...json }), repeat);
  }

  /** One attempt. @throws StorageFailedError for a status that is neither a success nor accepted */
  async exchange(request: DriveExchange): Promise<StorageResponse> {
    const first = await this.#authorized(request);
    if (first.status !== 401) return this.#judged(first, request);
    // it expired earlier than announced, or was revoked
    this.#tokens.forget();
    return this.#judged(await this.#authorized(request), request);
  }

  /** The header that authorises requests. */
  async headers(): Promise<{ readonly authorization: string }> {
    return { authorization: `Bearer ${await this.#token()}` };
  }

  async #authorized({ method, url, headers = {}, body, signal }: DriveExchange): Promise<StorageResponse> {
    return this.#transport.exchange({
      ...{ method, url: new URL(url), headers: { ...headers, ...(await this.headers()) }, signal },
      body: body ?? [],
    });
  }

  async #token(): Promise<string> {
    try {
      return await this.#tokens.token();
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== "DataError") throw error;
      const detail = "MalformedKey: the service account's private key cannot be read";
      throw new StorageFailedError({ code: "upload_refused", detail, retryable: false });
    }
  }

  async #exchangeToken(url: string, form: string): Promise<string> {
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const response = await this.#transport.exchange({
      ...{ method: "POST", url: new URL(url), headers, body: [Buffer.from(form)] },
    });
    return this.#judged(response, {}).text;
  }

  #judged(response: StorageResponse, { accept = [] }: Pick<DriveExchange, "accept">): StorageResponse {
    const { status } = response;
    if ((status >= 200 && status < 300) || accept.includes(status)) return response;
    throw answeredFailure(response, this.retrier.clock.now());
  }
}

const JSON_TYPE = { "content-type": "application/json; charset=UTF-8" };
