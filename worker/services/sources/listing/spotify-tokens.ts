import { z } from "zod";
import { readBoundedJson } from "../../../../schema/bounded-body.ts";
import type { SpotifyConfig } from "../../../config.ts";
import { ApiError } from "../../../lib/api-error.ts";
import type { Log } from "../../../lib/log.ts";

interface TokenSources {
  readonly fetch: typeof fetch;
  /** Epoch milliseconds. */
  readonly clock: () => number;
  readonly log: Log;
}

/** A token is renewed this long before it ends, in milliseconds. */
const MAX_TOKEN_BYTES = 64 << 10;
const MARGIN_MS = 60_000;
const RETRY_SECONDS = 30;

const Token = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() });

/** The operator's token for Spotify's Web API (client credentials), cached in the isolate; only one request for it runs at a time. */
export class SpotifyTokens {
  readonly #config: SpotifyConfig;
  readonly #sources: TokenSources;
  #known: { readonly token: string; readonly until: number } | null = null;
  #asking: Promise<string> | null = null;

  constructor(config: SpotifyConfig, sources: TokenSources) {
    this.#config = config;
    this.#sources = sources;
  }

  /**
   * @throws ApiError `invalid_request` that says what the operator must configure; `dependency_unavailable` when
   *   Spotify gives none
   */
  async get(): Promise<string> {
    if (this.#known && this.#sources.clock() < this.#known.until) return this.#known.token;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  /** Spotify no longer accepts this token. */
  remove(token: string): void {
    if (this.#known?.token === token) this.#known = null;
  }

  async #ask(): Promise<string> {
    const { credentials, accountsUrl } = this.#config;
    if (!credentials) {
      throw new ApiError("invalid_request", {
        sentence:
          "Spotify is not configured here: the operator must set SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET",
      });
    }
    const { fetch, clock, log } = this.#sources;
    const response = await fetch(`${accountsUrl}/api/token`, {
      method: "POST",
      headers: {
        authorization: `Basic ${btoa(`${credentials.id}:${credentials.secret}`)}`,
        "content-type": "application/x-www-form-urlencoded",
      },
      body: "grant_type=client_credentials",
      redirect: "manual",
      // not the first caller's own time limit, because others wait for the same token
      signal: AbortSignal.timeout(10_000),
    }).catch(() => null);
    const token = Token.safeParse(
      response && (await readBoundedJson(response, MAX_TOKEN_BYTES).catch(() => null)),
    );
    if (!response?.ok || !token.success) {
      log("spotify_token_refused", { status: response?.status ?? null });
      const isWrong = response?.status === 400 || response?.status === 401;
      throw new ApiError("dependency_unavailable", {
        sentence: isWrong
          ? "Spotify refuses the operator's SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET"
          : "Spotify does not answer right now",
        retryAfterSeconds: RETRY_SECONDS,
      });
    }
    const { access_token, expires_in } = token.data;
    this.#known = { token: access_token, until: clock() + expires_in * 1000 - MARGIN_MS };
    return access_token;
  }
}
