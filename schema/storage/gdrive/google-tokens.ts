import type { TargetOf } from "../address.ts";
import { GcsSignature } from "../signing/gcs-signature.ts";
import { DRIVE_SCOPE } from "./drive-request.ts";

/** Sends the form that asks for a token, and returns the body of the answer. It throws for a refusal. */
export type ExchangeToken = (url: string, form: string) => Promise<string>;

/** A token that is about to expire is not used any more. */
const MARGIN_MS = 60_000;

/** The access tokens of a service account for Drive: one serves until a minute before it expires. */
export class GoogleTokens {
  readonly #account: TargetOf<"gdrive">["service_account"];
  readonly #exchange: ExchangeToken;
  readonly #now: () => number;
  #current: { readonly token: Promise<string>; readonly until: number } | null = null;

  /** @param now epoch milliseconds */
  constructor(account: TargetOf<"gdrive">["service_account"], exchange: ExchangeToken, now: () => number) {
    this.#account = account;
    this.#exchange = exchange;
    this.#now = now;
  }

  /** @throws what the exchange throws, or DOMException `DataError` for a damaged key */
  async token(): Promise<string> {
    if (this.#current === null || this.#now() >= this.#current.until) {
      const token = this.#fetch();
      this.#current = { token, until: this.#now() + 3_600_000 - MARGIN_MS };
      // a failure is not kept
      token.catch(() => this.forget());
    }
    return this.#current.token;
  }

  /** The storage took the token for no longer valid: the next request asks for another one. */
  forget(): void {
    this.#current = null;
  }

  async #fetch(): Promise<string> {
    const { client_email: clientEmail, private_key: privateKey, token_uri } = this.#account;
    const signature = new GcsSignature({ clientEmail, privateKey }, this.#now);
    const text = await this.#exchange(token_uri, await signature.tokenRequest(DRIVE_SCOPE));
    const token = /"access_token"\s*:\s*"([^"]+)"/.exec(text)?.[1];
    if (!token) throw new Error("no access token was issued");
    return token;
  }
}
