import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "../../schema/client.ts";
import { startServer } from "../bench/servers/server-process.ts";
import { memoryOf, STACK_PROCESSES } from "../bench/servers/stack-processes.ts";
import { freePort } from "../stack/ports.ts";
import { type Stack, startStack } from "../stack/stack.ts";
import { createdBy } from "../waterspout/waiting/created-by.ts";

/** Callers that each wait for their job before they create the next one: light load. */
const CALLERS = 8;
/** Measurements of memory over the whole time. */
const SAMPLES = 40;
/** The first share of the samples after each start is not compared: caches fill and code is compiled. */
const WARM_UP_SHARE = 0.3;
/** The last third of the compared samples may take this much more than the first one. */
const GROWTH = 1.15;

export interface SoakReport {
  readonly jobs: number;
  readonly seconds: number;
  /** What callers saw that they should not have: errors of the client, jobs that did not complete. */
  readonly failures: readonly string[];
  /** Resident bytes of all parts in their order of time, from each start of the program to its end. */
  readonly memory: readonly (readonly number[])[];
  /** Files and folders that runs left in the work folder. */
  readonly remains: readonly string[];
}

/**
 * Runs many small jobs one after the other through a stack of its own, with a restart of the whole program in the middle.
 * Callers use the client as it is; its retries are to hide the restart.
 */
export async function soak(jobs: number, log: (line: string) => void): Promise<SoakReport> {
  const folder = await mkdtemp(join(tmpdir(), "waterspout-soak-"));
  const source = await startServer("tiny.ts");
  const stateDir = join(folder, "state");
  const port = await freePort();
  const env = { ...process.env, ALLOWED_PRIVATE_HOSTS: source.host };
  const start = () => startStack({ port, stateDir, env, log });
  let stack: Stack = await start();
  const startedAt = performance.now();
  const failures: string[] = [];
  const memory: number[][] = [[]];
  let restart: Promise<void> | undefined;
  let begun = 0;
  let ended = 0;

  async function caller(): Promise<void> {
    const api = createClient({ url: stack.url, apiKey: stack.apiKey });
    while (begun < jobs) {
      const number = begun++;
      try {
        const url = `${source.url}/${number}.mp3`;
        const { id } = createdBy(
          await api.createJob({ body: { url, format: "mp3", filename: `${number}` } }),
        );
        const job = await api.waitForJob(id);
        if (job.status !== "Completed") failures.push(`job ${number} ended ${job.status}: ${job.error}`);
      } catch (error) {
        failures.push(`job ${number}: ${error}`);
      }
      ended += 1;
      if (ended % Math.ceil(jobs / SAMPLES) === 0) sample();
      if (ended >= jobs / 2) restart ??= restartStack();
    }
  }

  function sample(): void {
    const parts = memoryOf(stateDir);
    const total = STACK_PROCESSES.reduce((sum, name) => sum + (parts[name] ?? 0), 0);
    // a part that is just being started again has no size yet
    if (STACK_PROCESSES.every((name) => parts[name])) memory.at(-1)?.push(total);
    const sizes = STACK_PROCESSES.map((name) => `${name} ${Math.round((parts[name] ?? 0) / 2 ** 20)}`);
    log(
      `${ended} of ${jobs} jobs, ${Math.round(total / 2 ** 20)} MiB (${sizes.join(", ")}), ${failures.length} failures`,
    );
  }

  async function restartStack(): Promise<void> {
    log("restarting the program …");
    await stack.stop();
    memory.push([]);
    stack = await start();
  }

  try {
    await Promise.all(Array.from({ length: CALLERS }, caller));
    await restart;
    const seconds = (performance.now() - startedAt) / 1000;
    const runs = join(stateDir, "work", "runs");
    const remains = await readdir(runs, { recursive: true }).catch(() => []);
    return { jobs, seconds, failures, memory, remains };
  } finally {
    await restart?.catch(() => undefined);
    await stack.stop();
    await source.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** What a soak must not show; empty when all is well. */
export function faultsOf({ failures, memory, remains }: SoakReport): string[] {
  const growth = Math.max(...memory.map(growthOf));
  return [
    ...failures.slice(0, 20),
    ...(failures.length > 20 ? [`and ${failures.length - 20} failures more`] : []),
    ...(growth > GROWTH ? [`memory grew to ${growth.toFixed(2)} times what it was`] : []),
    ...(remains.length > 0 ? [`the work folder holds ${remains.slice(0, 5).join(", ")}`] : []),
  ];
}

/** The mean of the last third over that of the first one, after the warm-up; 1 for too few samples. */
function growthOf(samples: readonly number[]): number {
  const compared = samples.slice(Math.floor(samples.length * WARM_UP_SHARE));
  if (compared.length < 3) return 1;
  const third = Math.floor(compared.length / 3);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return mean(compared.slice(-third)) / mean(compared.slice(0, third));
}
