import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endpoints } from "../../schema/api/endpoints.ts";
import { CreatedJob } from "../../schema/api/job.ts";
import { freePort } from "../stack/ports.ts";
import { median } from "./measurement.ts";
import { type BareWorker, startBareWorker } from "./servers/bare-worker.ts";
import { startTimedProcessor, type TimedProcessor } from "./servers/timed-processor.ts";
import { table } from "./table.ts";
import { until } from "./until.ts";

const FEW = 1_000;
const MANY = 1_000_000;
/** Each operation runs this many times, and the median counts; the first runs only warm up. */
const TIMES = 60;
const WARM_UP = 10;
/** An operation on many rows may take at most this many times as long as on few. */
const AT_MOST = 2;
const SLOTS = 4;
/** Days over which the jobs are spread; none is old enough to be removed. */
const DAYS = 80;
const DAY_MS = 24 * 60 * 60_000;
const TIMEOUT_MS = 30_000;

/** One operation, medians in milliseconds. */
export interface RowsResult {
  readonly operation: string;
  readonly few: number;
  readonly many: number;
}

/** A Worker with a processor, and with many jobs of one account in its database. */
interface Filled {
  readonly worker: BareWorker;
  readonly processor: TimedProcessor;
  /** An ended job. */
  readonly jobId: string;
  stop(): Promise<void>;
}

/**
 * What a caller and the cron wait for while the database holds 1,000 and 1,000,000 jobs of one account. Both are asked
 * alternately, so that other work on the machine slows both down.
 */
export async function benchRows(log: (line: string) => void): Promise<readonly RowsResult[]> {
  const folder = await mkdtemp(join(tmpdir(), "waterspout-bench-rows-"));
  const filled: Filled[] = [];
  try {
    for (const count of [FEW, MANY]) {
      log(`filling a table with ${count} jobs${count === MANY ? ": some minutes" : ""}`);
      filled.push(await fill(join(folder, `${count}`), count));
    }
    const [few, many] = filled;
    if (!few || !many) return [];
    const results: RowsResult[] = [];
    for (const [operation, work] of Object.entries(OPERATIONS)) {
      log(operation);
      const samples: { few: number[]; many: number[] } = { few: [], many: [] };
      for (let time = 0; time < TIMES; time++) {
        samples.few.push(await timed(() => work(few)));
        samples.many.push(await timed(() => work(many)));
      }
      const medianOf = (all: readonly number[]) => median(all.slice(WARM_UP));
      results.push({ operation, few: medianOf(samples.few), many: medianOf(samples.many) });
    }
    return results;
  } finally {
    for (const { stop } of filled) await stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function fill(folder: string, count: number): Promise<Filled> {
  await mkdir(folder, { recursive: true });
  const processorPort = await freePort();
  const worker = await startBareWorker(folder, { processorPort });
  const options = { port: processorPort, slots: SLOTS, runMs: 0, workerUrl: () => worker.url };
  const processor = await startTimedProcessor(options);
  const jobId = await create(worker);
  await until(async () => processor.startedAt.has(jobId), TIMEOUT_MS);
  await worker.seed({ jobId, count, until: Date.now() - DAY_MS, days: DAYS });
  const stop = async () => {
    await worker.stop();
    processor.close();
  };
  return { worker, processor, jobId, stop };
}

const OPERATIONS: Readonly<Record<string, (filled: Filled) => Promise<unknown>>> = {
  "GET /jobs": ({ worker }) => read(worker, endpoints.listJobs.path),
  "GET /jobs?status=failed": ({ worker }) => read(worker, `${endpoints.listJobs.path}?status=failed`),
  "GET /jobs/{id}": ({ worker, jobId }) => read(worker, endpoints.getJob.path.replace("{id}", jobId)),
  "POST /jobs": ({ worker }) => create(worker),
  "POST /jobs to the processor's start": async ({ worker, processor }) => {
    const id = await create(worker);
    await until(async () => processor.startedAt.has(id), TIMEOUT_MS, 1);
  },
  reconcile: ({ worker }) => worker.reconcile(),
};

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

async function read({ url, apiKey }: BareWorker, path: string): Promise<void> {
  const response = await fetch(url + path, { headers: { "x-api-key": apiKey } });
  if (!response.ok) throw new Error(`GET ${path} answered ${response.status}`);
  await response.arrayBuffer();
}

async function create({ url, apiKey }: BareWorker): Promise<string> {
  const response = await fetch(url + endpoints.createJob.path, {
    method: "POST",
    headers: { "x-api-key": apiKey, "content-type": "application/json" },
    body: JSON.stringify({ url: "https://media.example/a.mp4" }),
  });
  return CreatedJob.parse(await response.json()).job_id;
}

export const rowsTable = (results: readonly RowsResult[]): string =>
  table(
    ["operation", `${FEW.toLocaleString("en")} jobs`, `${MANY.toLocaleString("en")} jobs`, "ratio", "met"],
    results.map(({ operation, few, many }) => [
      ...[operation, `${few.toFixed(1)} ms`, `${many.toFixed(1)} ms`, (many / few).toFixed(2)],
      many <= AT_MOST * few ? "yes" : "NO",
    ]),
  );
