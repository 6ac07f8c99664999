import type { RunHeartbeat } from "../../schema/wire/callback.ts";
import type { Callback, Claim } from "./callback.ts";
import type { Progress } from "./progress.ts";

/** A run whose lease is kept. */
export interface LeaseHolder {
  readonly claim: Claim;
  readonly progress: Progress;
  /** Called once when the Worker says that the job was cancelled (`cancelled`) or taken over (`lost`). */
  stop(reason: "cancelled" | "lost"): void;
}

export interface LeaseOptions {
  readonly callback: Pick<Callback, "heartbeat">;
  /** Longest time between two heartbeats, in milliseconds; a third of the lease at most. */
  readonly intervalMs: number;
  /** Shortest time between two heartbeats that only carry progress. */
  readonly progressMs?: number;
  readonly onFailure?: (error: unknown) => void;
}

/** A run that ends within its first second reports everything with its outcome. */
const SHORT_RUN_MS = 1_000;
/** Smallest change of the percentage that triggers a heartbeat. */
const WORTHWHILE_POINTS = 2;

/** State of a holder. */
interface Held {
  readonly since: number;
  /** The percentage that was reported last. */
  reported: number;
}

/**
 * The heartbeat: one call for all runs, at the interval, soon after visible progress, and at once when a run enters
 * another step, except in a run's first second. The responses carry cancellations.
 */
export class LeaseKeeper {
  readonly #options: LeaseOptions;
  readonly #holders = new Map<LeaseHolder, Held>();
  readonly #closed = new AbortController();
  #timer: NodeJS.Timeout | null = null;
  #dueAt = Number.POSITIVE_INFINITY;
  #lastBeatAt = 0;
  #beating = false;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  add(holder: LeaseHolder): void {
    this.#holders.set(holder, { since: performance.now(), reported: 0 });
    this.#schedule(this.#options.intervalMs);
  }

  remove(holder: LeaseHolder): void {
    this.#holders.delete(holder);
  }

  /** Called when a holder's progress changed. */
  changed(holder: LeaseHolder, stepChanged: boolean): void {
    const held = this.#holders.get(holder);
    if (held === undefined) return;
    if (!stepChanged && holder.progress.snapshot.progress - held.reported < WORTHWHILE_POINTS) return;
    const now = performance.now();
    const quietUntil = stepChanged ? now : this.#lastBeatAt + (this.#options.progressMs ?? 1_000);
    this.#schedule(Math.max(0, quietUntil - now, held.since + SHORT_RUN_MS - now));
  }

  close(): void {
    this.#closed.abort();
    if (this.#timer) clearTimeout(this.#timer);
  }

  /** Brings the next heartbeat forward, never back. */
  #schedule(inMs: number): void {
    const dueAt = performance.now() + inMs;
    if (this.#closed.signal.aborted || dueAt >= this.#dueAt) return;
    this.#dueAt = dueAt;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#heartbeat(), inMs);
  }

  async #heartbeat(): Promise<void> {
    this.#dueAt = Number.POSITIVE_INFINITY;
    if (this.#beating) return this.#schedule(50);
    if (this.#holders.size === 0) return;
    this.#beating = true;
    this.#lastBeatAt = performance.now();
    const holders = [...this.#holders.keys()];
    const heartbeats = holders.map(toRunHeartbeat);
    holders.forEach((holder, i) => {
      const held = this.#holders.get(holder);
      if (held) held.reported = heartbeats[i]?.progress ?? 0;
    });
    try {
      const verdicts = await this.#options.callback.heartbeat(heartbeats, this.#closed.signal);
      for (const { job_id, attempt, verdict } of verdicts) {
        if (verdict === "go_on") continue;
        const holder = holders.find(({ claim }) => claim.job_id === job_id && claim.attempt === attempt);
        if (holder && this.#holders.has(holder)) holder.stop(verdict === "cancel" ? "cancelled" : "lost");
      }
    } catch (error) {
      // a lost heartbeat does no harm: the lease lasts for several, and publishing asks again
      if (!this.#closed.signal.aborted) this.#options.onFailure?.(error);
    } finally {
      this.#beating = false;
      if (this.#holders.size > 0) this.#schedule(this.#options.intervalMs);
    }
  }
}

function toRunHeartbeat({ claim, progress }: LeaseHolder): RunHeartbeat {
  const { step, progress: percent, downloadRate, title } = progress.snapshot;
  const { job_id, attempt, token } = claim;
  return { job_id, attempt, token, step, progress: percent, download_rate: downloadRate, title };
}
