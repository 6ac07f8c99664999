import { HttpClient } from "../../processor/egress/http-client.ts";
import { EgressPolicy } from "../../processor/egress/policy.ts";

/** A client that may reach exactly these `host:port` pairs on private addresses. */
export function clientFor(...hosts: string[]): { client: HttpClient; policy: EgressPolicy } {
  const policy = new EgressPolicy({ opened: new Set(hosts) });
  return { client: new HttpClient(policy), policy };
}

/** Retries happen at once; the delays that were asked for are kept. */
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
