import { readBoundedJson } from "../../schema/bounded-body.ts";
import {
  type Heartbeat,
  HeartbeatResponse,
  type Outcome,
  type ProcessorStarted,
  type PublishRequest,
  type RecordingStarted,
  type SourceFound,
  type UploadStarted,
} from "../../schema/wire/callback.ts";
import { type KnownRequest, PublishResponse } from "../../schema/wire/reuse.ts";
import { type DeliveredFile, KnownResponse } from "../../schema/wire/run.ts";
import type { SourceIdentity } from "../../schema/wire/source-identity.ts";
import { WIRE_VERSION } from "../../schema/wire/version.ts";
import { backoffMs, REAL_CLOCK, type RetryClock } from "../retry.ts";
import { StoppedError } from "./stop.ts";

/** The claim that a report belongs to. */
export interface Claim {
  readonly job_id: string;
  readonly attempt: number;
  readonly token: string;
  /** W3C trace context of the run. */
  readonly traceparent?: string;
}

export interface CallbackOptions {
  /** Base URL of the Worker. */
  readonly workerUrl: string;
  /** Name of this processor, as the Worker's pool knows it. */
  readonly instance: string;
  /** Id of this process. */
  readonly boot: string;
  /** Shared with the Worker; used for reports without a run's own token. */
  readonly processorToken: string;
  readonly fetch?: typeof fetch;
  readonly clock?: RetryClock;
}

const BACKOFF = { firstMs: 250, maxMs: 10_000 };
/** A Worker that starts or is renewed does not answer for a while. */
const PATIENCE_MS = 30_000;
/** Largest response to a heartbeat, which lists runs. */
const MAX_RESPONSE_BYTES = 4 << 20;
const TIMEOUT_MS = 15_000;

/**
 * The only connection to the Worker. Reports are repeated until they get a response, because the Worker accepts each of
 * them any number of times. A response 409 means that the run lost its job, and throws {@link StoppedError}.
 */
export class Callback {
  readonly #options: CallbackOptions;
  readonly #fetch: typeof fetch;
  readonly #clock: RetryClock;
  /** Why the Worker did not accept the last report of this process, and since when it accepts none. */
  #refusal: { readonly why: string; readonly since: number } | null = null;

  constructor(options: CallbackOptions) {
    this.#options = options;
    this.#fetch = options.fetch ?? fetch;
    this.#clock = options.clock ?? REAL_CLOCK;
  }

  /**
   * Why no report reaches the Worker, so that every run would be lost; null if they do, or did half a minute ago.
   */
  get failure(): string | null {
    return this.#refusal !== null && this.#clock.now() - this.#refusal.since > PATIENCE_MS
      ? this.#refusal.why
      : null;
  }

  /** One try, because the next heartbeat follows soon. */
  async heartbeat(runs: Heartbeat["runs"], signal: AbortSignal): Promise<HeartbeatResponse["runs"]> {
    const { instance, boot } = this.#options;
    const body: Heartbeat = { v: WIRE_VERSION, instance, boot, runs };
    const response = await this.#post("/internal/heartbeat", body, {}, signal);
    if (!response.ok) throw new Error(`the Worker responded to the heartbeat with ${response.status}`);
    return HeartbeatResponse.parse(await readBoundedJson(response, MAX_RESPONSE_BYTES)).runs;
  }

  /** Reports that this process has started, until it gets a response. @param started the process that it replaces, and its free slots */
  async started(started: ProcessorStarted, signal: AbortSignal): Promise<void> {
    const { instance, boot, processorToken } = this.#options;
    const body: Heartbeat = { v: WIRE_VERSION, instance, boot, started, runs: [] };
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted();
      const response = await this.#post("/internal/heartbeat", body, { token: processorToken }, signal).catch(
        () => null,
      );
      await response?.body?.cancel().catch(() => {});
      this.#refusal = refusalOf(response, this.#refusal?.since ?? this.#clock.now());
      if (response?.ok) return;
      await this.#clock.sleep(backoffMs(attempt, BACKOFF, this.#clock.random), signal);
    }
  }

  /** Reports the upload that a successor would have to abort. */
  async uploadStarted(
    claim: Claim,
    upload: { key: string; ref: string },
    signal: AbortSignal,
  ): Promise<void> {
    await this.#report<UploadStarted>(claim, "upload", upload, signal);
  }

  /** Reports where the pieces of a recording will be stored. */
  async recordingStarted(claim: Claim, key: string, signal: AbortSignal): Promise<void> {
    await this.#report<RecordingStarted>(claim, "recording", { key }, signal);
  }

  /** Reports whose media the run is about to fetch; returns if it may. */
  async sourceFound(claim: Claim, identity: SourceIdentity, signal: AbortSignal): Promise<void> {
    await this.#report<SourceFound>(claim, "source", { identity }, signal);
  }

  /**
   * Asks for permission to publish the object; returns when it is granted.
   *
   * @param found whose media it is, and the hash of the object
   */
  async publish(
    claim: Claim,
    found: Pick<PublishRequest, "identity" | "sha256">,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#report<PublishRequest>(claim, "publish", found, signal);
  }

  /**
   * The same for a copy of another job's file.
   *
   * @returns false if the file is no longer that job's: then the copy must not be published
   */
  async publishCopy(
    claim: Claim,
    { copyOf, sha256 }: { readonly copyOf: string; readonly sha256: string | null },
    signal: AbortSignal,
  ): Promise<boolean> {
    const copy = { copy_of: copyOf, ...(sha256 === null ? {} : { sha256 }) };
    const answer = await this.#report<PublishRequest>(claim, "publish", copy, signal, true);
    return PublishResponse.parse(answer).status === "ok";
  }

  /** Asks whether an earlier job of the account delivered this media by the same plan. */
  async known(
    claim: Claim,
    media: Pick<KnownRequest, "media" | "sha256">,
    signal: AbortSignal,
  ): Promise<DeliveredFile | null> {
    return KnownResponse.parse(await this.#report<KnownRequest>(claim, "known", media, signal, true)).file;
  }

  /** Reports how the run ended, and the number of free slots afterwards. */
  async outcome(
    claim: Claim,
    { outcome, freeSlots }: { outcome: Outcome["outcome"]; freeSlots: number },
    signal: AbortSignal,
  ): Promise<void> {
    await this.#report<Outcome>(claim, "outcome", { outcome, free_slots: freeSlots }, signal);
  }

  /** @returns the answer, if something is to be read in it */
  async #report<T extends { v: number; attempt: number }>(
    claim: Claim,
    name: string,
    content: Omit<T, "v" | "attempt">,
    signal: AbortSignal,
    isRead = false,
  ): Promise<unknown> {
    const path = `/internal/runs/${claim.job_id}/${name}`;
    const body = { v: WIRE_VERSION, attempt: claim.attempt, ...content };
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted();
      const { status, answer } = await this.#post(path, body, claim, signal)
        .then(async (response) => {
          if (isRead && response.ok) {
            return { status: response.status, answer: await readBoundedJson(response, MAX_RESPONSE_BYTES) };
          }
          await response.body?.cancel();
          return { status: response.status, answer: null };
        })
        .catch(() => ({ status: 0, answer: null }));
      if (status >= 200 && status < 300) return answer;
      if (status === 409) throw new StoppedError("lost");
      // any other 4xx is an error that waiting does not solve
      if (status >= 400 && status < 500 && status !== 408 && status !== 429) {
        throw new Error(`the Worker refused the report ${name} with ${status}`);
      }
      await this.#clock.sleep(backoffMs(attempt, BACKOFF, this.#clock.random), signal);
    }
  }

  #post(
    path: string,
    body: unknown,
    { token, traceparent }: Partial<Pick<Claim, "token" | "traceparent">>,
    signal: AbortSignal,
  ): Promise<Response> {
    return this.#fetch(new URL(path, this.#options.workerUrl), {
      method: "POST",
      headers: {
        "content-type": "application/json",
        // a few bytes are not worth compressing
        "accept-encoding": "identity",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(traceparent === undefined ? {} : { traceparent }),
      },
      body: JSON.stringify(body),
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
  }
}

/** @param response null if there was none */
function refusalOf(response: Response | null, since: number): { why: string; since: number } | null {
  if (response?.ok) return null;
  if (response?.status === 401 || response?.status === 403) {
    return { why: "the Worker at WORKER_URL refuses PROCESSOR_TOKEN", since };
  }
  return {
    why: `the Worker at WORKER_URL ${response ? `answers ${response.status}` : "does not answer"}`,
    since,
  };
}
