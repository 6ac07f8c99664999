import { z } from "zod";
import { readBoundedJson } from "../../../../schema/bounded-body.ts";
import { parseRetryAfter } from "../../../../schema/retry-after.ts";
import type { RequestContext } from "../../../context.ts";
import { SourceRefusedError } from "../probe-source.ts";

/** The members of Spotify's objects that are used; others are ignored, and members that Spotify may omit are optional. */
export const SpotifyShow = z.object({
  name: z.string(),
  publisher: z.string().nullish(),
  total_episodes: z.number().nullish(),
});
export type SpotifyShow = z.infer<typeof SpotifyShow>;

export const SpotifyEpisode = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().nullish(),
  duration_ms: z.number().nullish(),
  release_date: z.string().nullish(),
  release_date_precision: z.enum(["day", "month", "year"]).nullish(),
  is_playable: z.boolean().nullish(),
});
export type SpotifyEpisode = z.infer<typeof SpotifyEpisode>;

/** Items that were removed or are not available in this market are null. */
export const EpisodePage = z.object({
  items: z.array(SpotifyEpisode.nullable()),
  total: z.int().min(0),
});
export type EpisodePage = z.infer<typeof EpisodePage>;

export const EpisodeOfShow = SpotifyEpisode.extend({ show: SpotifyShow.extend({ id: z.string() }) });

/** Tries of one request, for rate limits and network failures. */
const MAX_TRIES = 5;
/** Largest page of a list. */
const MAX_RESPONSE_BYTES = 4 << 20;
const DEFAULT_HOLD_MS = 1_000;

/** Spotify's Web API for one listing: if Spotify asks one request to wait, all of them wait. */
export class SpotifyApi {
  readonly #context: RequestContext;
  readonly #signal: AbortSignal;
  readonly #endsAt: number;
  /** Epoch milliseconds. */
  #heldUntil = 0;

  /** @param timeoutMs deadline of the listing, in milliseconds */
  constructor(context: RequestContext, timeoutMs: number, signal: AbortSignal) {
    this.#context = context;
    this.#signal = signal;
    this.#endsAt = context.clock() + timeoutMs;
  }

  /**
   * @param path with its query, without the market
   * @throws SourceRefusedError `unavailable` for what is unknown, private or not available in this market; `rate_limited`
   *   if Spotify asks for more time than the listing has; `network`. Else as `SpotifyTokens.get`, or the signal's reason
   */
  async get<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      await this.#waitForLeave();
      const token = await this.#context.spotifyTokens.get();
      const response = await this.#send(path, token);
      if (response?.ok) return schema.parse(await readBoundedJson(response, MAX_RESPONSE_BYTES));
      await response?.body?.cancel();
      const status = response?.status ?? 0;
      if (status === 400 || status === 403 || status === 404)
        throw new SourceRefusedError({ code: "unavailable", retry_after_ms: null });
      if (status === 401) this.#context.spotifyTokens.remove(token);
      else this.#hold(status, response?.headers.get("retry-after") ?? null);
      if (tries === MAX_TRIES)
        throw new SourceRefusedError({
          code: status === 429 ? "rate_limited" : "network",
          retry_after_ms: null,
        });
    }
  }

  async #send(path: string, token: string): Promise<Response | null> {
    const { apiUrl, market } = this.#context.config.spotify;
    const url = new URL(apiUrl + path);
    url.searchParams.set("market", market);
    try {
      return await this.#context.fetch(url.href, {
        headers: { authorization: `Bearer ${token}` },
        redirect: "manual",
        signal: this.#signal,
      });
    } catch {
      this.#signal.throwIfAborted();
      return null;
    }
  }

  #hold(status: number, retryAfter: string | null): void {
    const now = this.#context.clock();
    const askedMs = status === 429 ? parseRetryAfter(retryAfter, now) : undefined;
    const holdMs = askedMs ?? DEFAULT_HOLD_MS;
    if (now + holdMs >= this.#endsAt) {
      throw new SourceRefusedError({
        code: status === 429 ? "rate_limited" : "network",
        retry_after_ms: holdMs,
      });
    }
    this.#heldUntil = Math.max(this.#heldUntil, now + holdMs);
  }

  async #waitForLeave(): Promise<void> {
    const ms = this.#heldUntil - this.#context.clock();
    if (ms > 0) await this.#context.wait(ms);
    this.#signal.throwIfAborted();
  }
}
