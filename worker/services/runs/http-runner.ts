import { createPoolRunner, type PoolMember } from "./pool-runner.ts";
import { readHealth } from "./processor-http.ts";
import type { Runner, RunnerHealth } from "./runner.ts";

interface HttpRunnerOptions {
  /** Base URLs of the processors. */
  readonly urls: readonly [string, ...string[]];
  readonly token: string;
  readonly fetch: typeof fetch;
  /** Epoch milliseconds. */
  readonly clock: () => number;
}

const START_TIMEOUT_MS = 15_000;
/** The processor's own limit for a source is shorter. */
const PROBE_TIMEOUT_MS = 25_000;

/** Processors that run elsewhere, reached over plain HTTP. */
export function createHttpRunner({ urls, token, fetch, clock }: HttpRunnerOptions): Runner {
  const memberOf = (url: string): PoolMember => ({
    name: new URL(url).host,
    send: (path, init) => fetch(url + path, init),
  });
  const [first, ...others] = urls;
  const members: [PoolMember, ...PoolMember[]] = [memberOf(first), ...others.map(memberOf)];
  return createPoolRunner({
    members,
    placement: { type: "spread" },
    clock,
    token,
    startTimeoutMs: START_TIMEOUT_MS,
    probeTimeoutMs: PROBE_TIMEOUT_MS,
    health: () => healthOf(members, token),
    keepAwake: async () => {},
  });
}

/** One processor that answers is enough. The others are named, and with several processors each check names its own. */
async function healthOf(members: readonly PoolMember[], token: string): Promise<RunnerHealth> {
  const all = await Promise.all(
    members.map(async ({ name, send }) => ({ name, health: await readHealth(send, token) })),
  );
  const found = all.find(({ health }) => health.ok) ?? all[0];
  if (!found) return { ok: false, detail: "there is no processor" };
  if (members.length === 1) return found.health;
  const checks = all.flatMap(({ name, health }) =>
    (health.checks ?? []).map((check) => ({ ...check, detail: `${name}: ${check.detail}` })),
  );
  const silent = all.filter(({ health }) => !health.ok).map(({ name }) => name);
  if (silent.length === 0) return { ...found.health, checks };
  return { ...found.health, checks, detail: `these processors do not answer: ${silent.join(", ")}` };
}
