import { HttpClient } from "../../processor/egress/http-client.ts";
import { EgressPolicy } from "../../processor/egress/policy.ts";
import type { Ticker } from "../../processor/egress/speed-watch.ts";

/** A client that may reach exactly these `host:port` pairs on private addresses. */
export function clientFor(...hosts: string[]): { client: HttpClient; policy: EgressPolicy } {
  const policy = new EgressPolicy({ opened: new Set(hosts) });
  return { client: new HttpClient(policy), policy };
}

/** A clock that advances when a test says so. */
export function manualTicker(): Ticker & { pass(ms: number): void; readonly running: number } {
  const timers = new Map<() => void, { readonly ms: number; passed: number }>();
  return {
    every(ms, tick) {
      timers.set(tick, { ms, passed: 0 });
      return () => void timers.delete(tick);
    },
    pass(ms) {
      for (const [tick, timer] of [...timers]) {
        timer.passed += ms;
        for (; timer.passed >= timer.ms && timers.has(tick); timer.passed -= timer.ms) tick();
      }
    },
    get running() {
      return timers.size;
    },
  };
}

/** Retries happen at once; the requested delays are recorded. */
export function impatientClock(): {
  sleep(ms: number): Promise<void>;
  random(): number;
  now(): number;
  delays: number[];
} {
  const delays: number[] = [];
  return {
    delays,
    async sleep(ms) {
      delays.push(ms);
    },
    random: () => 0,
    now: Date.now,
  };
}
