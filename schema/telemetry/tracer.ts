import { type Attributes, type Span, traceBody } from "./otlp.ts";
import type { OtlpConfig } from "./otlp-settings.ts";
import { childOf, newTrace, type RandomBytes, type TraceContext } from "./trace-context.ts";

interface TracerOptions {
  readonly config: OtlpConfig;
  /** Attributes of the program; `service.name` among them. */
  readonly resource: Attributes;
  readonly fetch: typeof fetch;
  readonly random: RandomBytes;
  /** Called at most once a minute. @param lost spans that were dropped since the last call */
  readonly onFailure: (detail: string, lost: number) => void;
}

/** An operation that has ended. */
export interface EndedSpan extends Pick<Span, "name" | "kind" | "start" | "end" | "attributes"> {
  readonly trace: TraceContext;
  readonly parent: TraceContext | null;
  readonly error?: string | null;
}

/** Spans that wait to be sent; more are dropped. */
const MAX_WAITING = 2_048;
/** Spans that are sent together. */
const MAX_SENT = 512;
/** A collector that has not answered within this time has failed, in milliseconds. */
const TIMEOUT_MS = 5_000;
/** A sender that has not ended by then was stopped by its platform, in milliseconds. */
const STALE_MS = 2 * TIMEOUT_MS;
const REPORT_EVERY_MS = 60_000;
/** Answers after which the same spans may be sent again. */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/**
 * Makes trace contexts and sends spans to a collector. Nothing of it delays or fails what is traced: spans wait in a
 * bounded list, {@link Tracer.flush} never rejects, and what a collector does not take is dropped and reported.
 */
export class Tracer {
  readonly #options: TracerOptions;
  #waiting: Span[] = [];
  #sendingSince: number | null = null;
  #lost = 0;
  #reportedAt = Number.NEGATIVE_INFINITY;

  constructor(options: TracerOptions) {
    this.#options = options;
  }

  /** A span below `parent`, or the first one of a new trace. */
  begin(parent: TraceContext | null): TraceContext {
    const { config, random } = this.#options;
    if (parent) return childOf(parent, random);
    return newTrace(random, config.endpoint === null ? 0 : config.ratio);
  }

  /** Whether spans of this trace are sent to a collector. */
  isExported({ sampled }: TraceContext): boolean {
    return sampled && this.#options.config.endpoint !== null;
  }

  /** Takes a span that has ended. */
  end({ trace, parent, error = null, ...span }: EndedSpan): void {
    if (!this.isExported(trace)) return;
    if (this.#waiting.length >= MAX_WAITING) {
      this.#lost += 1;
      return;
    }
    const { traceId, spanId } = trace;
    this.#waiting.push({ ...span, error, traceId, spanId, parentSpanId: parent?.spanId ?? null });
  }

  /** Sends what waits, unless that is being done already. Never rejects. */
  async flush(now: number = Date.now()): Promise<void> {
    const isSending = this.#sendingSince !== null && now - this.#sendingSince < STALE_MS;
    if (isSending || this.#waiting.length === 0) return;
    this.#sendingSince = now;
    try {
      while (this.#waiting.length > 0) {
        const spans = this.#waiting.splice(0, MAX_SENT);
        const failure = await this.#send(spans);
        if (failure === null) continue;
        this.#failed(spans, failure, now);
        break;
      }
    } finally {
      this.#sendingSince = null;
    }
  }

  /** @returns why it failed; null if it did not */
  async #send(spans: readonly Span[]): Promise<{ detail: string; isRetryable: boolean } | null> {
    const { config, resource, fetch } = this.#options;
    try {
      const response = await fetch(`${config.endpoint}/v1/traces`, {
        method: "POST",
        headers: { ...config.headers, "content-type": "application/json" },
        body: JSON.stringify(traceBody(resource, spans)),
        redirect: "manual",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      await response.body?.cancel();
      if (response.ok) return null;
      const { status } = response;
      return { detail: `the collector answered ${status}`, isRetryable: RETRYABLE.has(status) };
    } catch (error) {
      const isLate = error instanceof Error && error.name === "TimeoutError";
      return { detail: isLate ? "the collector does not answer" : "no connection", isRetryable: true };
    }
  }

  #failed(
    spans: readonly Span[],
    { detail, isRetryable }: { detail: string; isRetryable: boolean },
    now: number,
  ) {
    const room = isRetryable ? MAX_WAITING - this.#waiting.length : 0;
    this.#waiting = [...spans.slice(0, room), ...this.#waiting];
    this.#lost += Math.max(0, spans.length - room);
    if (now - this.#reportedAt < REPORT_EVERY_MS) return;
    this.#reportedAt = now;
    this.#options.onFailure(detail, this.#lost);
    this.#lost = 0;
  }
}
