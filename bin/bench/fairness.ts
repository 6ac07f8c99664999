import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endpoints } from "../../schema/api/endpoints.ts";
import { CreatedJob } from "../../schema/api/job.ts";
import { freePort } from "../stack/ports.ts";
import { median } from "./measurement.ts";
import { startBareWorker } from "./servers/bare-worker.ts";
import { startTimedProcessor, type TimedProcessor } from "./servers/timed-processor.ts";
import { until } from "./until.ts";

const FLOOD = 5_000;
/** Number of jobs of each of the two other accounts. */
const JOBS = 40;
const SLOTS = 8;
const RUN_MS = 250;
/** Concurrent requests of a flood. */
const AT_ONCE = 16;
const TIMEOUT_MS = 120_000;

/** Medians of the time from a request to the start of its run, in milliseconds. */
export interface Fairness {
  readonly flood: number;
  readonly jobs: number;
  readonly slots: number;
  readonly runMs: number;
  readonly aloneMs: number;
  readonly duringFloodMs: number;
}

/** How long two accounts wait for slots, alone and while a third one floods the service. */
export async function measureFairness(log: (line: string) => void): Promise<Fairness> {
  const folder = await mkdtemp(join(tmpdir(), "waterspout-bench-fairness-"));
  const processorPort = await freePort();
  const worker = await startBareWorker(folder, { processorPort });
  const options = { port: processorPort, slots: SLOTS, runMs: RUN_MS, workerUrl: () => worker.url };
  const processor = await startTimedProcessor(options);
  try {
    const two = [await worker.newKey(), await worker.newKey()];
    const waitOfTwo = async () => {
      const waits = await Promise.all(two.map((key) => waitsOf(processor, worker.url, key)));
      return median(waits.flat());
    };
    log("two accounts on their own, once to warm up and once to measure");
    await waitOfTwo();
    const aloneMs = await waitOfTwo();
    log(`a third one posts ${FLOOD} jobs`);
    await post(worker.url, worker.apiKey, FLOOD);
    log("the two next to the flood");
    const duringFloodMs = await waitOfTwo();
    return { flood: FLOOD, jobs: JOBS, slots: SLOTS, runMs: RUN_MS, aloneMs, duringFloodMs };
  } finally {
    await worker.stop();
    processor.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function waitsOf({ startedAt }: TimedProcessor, api: string, key: string): Promise<number[]> {
  const posted = await post(api, key, JOBS);
  await until(async () => [...posted.keys()].every((id) => startedAt.has(id)), TIMEOUT_MS, 50);
  return [...posted].map(([id, at]) => (startedAt.get(id) ?? Number.NaN) - at);
}

/** @returns when each job was requested */
async function post(api: string, key: string, count: number): Promise<Map<string, number>> {
  const headers = { "x-api-key": key, "content-type": "application/json" };
  const body = JSON.stringify({ url: "https://media.example/watch?v=1" });
  const posted = new Map<string, number>();
  let left = count;
  const client = async () => {
    while (left-- > 0) {
      const at = performance.now();
      const response = await fetch(api + endpoints.createJob.path, { method: "POST", headers, body });
      posted.set(CreatedJob.parse(await response.json()).job_id, at);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, client));
  return posted;
}
