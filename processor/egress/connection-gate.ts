import { Stopwatch } from "../stopwatch.ts";
import type { HostLimits } from "./host-limits.ts";

/** A request in progress. */
export interface Lease {
  /** Number of other requests to the same host when it was admitted. */
  readonly others: number;
  /** Set once there is a body: whether its reader has paused it, and how to make it give up its place. */
  holder: { readonly isIdle: () => boolean; readonly yieldPlace: () => void } | null;
  leave(): void;
}

/** A body that its reader has paused for this long gives its place to a waiting request. */
const IDLE_MS = 100;

const NOBODY: ReadonlySet<Lease> = new Set();

interface Waiter {
  readonly url: string;
  readonly wake: () => void;
}

/**
 * The requests of one run, by host. It detects hosts that serve fewer connections than a run wants: if a host refuses a
 * request while others are in progress, that request waits for one of them to end.
 */
export class ConnectionGate {
  readonly #limits: HostLimits;
  readonly #waits: Stopwatch;
  readonly #active = new Map<string, Set<Lease>>();
  readonly #waiting = new Set<Waiter>();
  /** One connection at a time to any host. */
  isSingle = false;

  /** @param waits counts the time in which a request waits for a place */
  constructor(limits: HostLimits, waits: Stopwatch = new Stopwatch()) {
    this.#limits = limits;
    this.#waits = waits;
  }

  /**
   * Admits a request as soon as its host has a place.
   *
   * @param onWait called before and after it has to wait
   * @throws the signal's reason
   */
  async enter(
    url: string,
    signal?: AbortSignal,
    onWait: (waits: boolean) => void = () => {},
  ): Promise<Lease> {
    if (this.#isFull(url)) {
      onWait(true);
      try {
        await this.#waits.during(async () => {
          while (this.#isFull(url)) await this.#untilRoom(url, signal);
        });
      } finally {
        onWait(false);
      }
    }
    signal?.throwIfAborted();
    const { host } = new URL(url);
    const active = this.#active.get(host) ?? new Set<Lease>();
    this.#active.set(host, active);
    const lease: Lease = { others: active.size, holder: null, leave: () => this.#leave(url, lease) };
    active.add(lease);
    return lease;
  }

  /**
   * Treats a refusal as a limit on connections, if other requests are or were in progress.
   *
   * @returns false if it cannot be one, because the request was alone
   */
  wasTooMany(url: string, lease: Lease): boolean {
    const others = Math.max(lease.others, this.#activeOf(url).size - 1);
    if (others < 1) return false;
    this.#limits.remember(url, { connections: others });
    return true;
  }

  #isFull(url: string): boolean {
    const limit = this.isSingle ? 1 : this.#limits.of(url).connections;
    return limit !== undefined && this.#activeOf(url).size >= limit;
  }

  #activeOf(url: string): ReadonlySet<Lease> {
    return this.#active.get(new URL(url).host) ?? NOBODY;
  }

  #leave(url: string, lease: Lease): void {
    const { host } = new URL(url);
    const active = this.#active.get(host);
    if (!active?.delete(lease)) return;
    if (active.size === 0) this.#active.delete(host);
    for (const waiter of this.#waiting) {
      if (new URL(waiter.url).host !== host) continue;
      this.#waiting.delete(waiter);
      waiter.wake();
      return;
    }
  }

  /** Resolves when a place is free. Meanwhile, bodies that are not being read have to give up theirs. */
  #untilRoom(url: string, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      let idle: readonly Lease[] = [];
      const look = setInterval(() => {
        const stillIdle = [...this.#activeOf(url)].filter(({ holder }) => holder?.isIdle());
        stillIdle.find((lease) => idle.includes(lease))?.holder?.yieldPlace();
        idle = stillIdle;
      }, IDLE_MS);
      const end = () => {
        clearInterval(look);
        this.#waiting.delete(waiter);
        signal?.removeEventListener("abort", onAbort);
      };
      const onAbort = () => {
        end();
        reject(signal?.reason);
      };
      const waiter: Waiter = {
        url,
        wake: () => {
          end();
          resolve();
        },
      };
      this.#waiting.add(waiter);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }
}
