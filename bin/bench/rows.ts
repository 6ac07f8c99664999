import { mkdtemp, rm } from "node:fs/promises";
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
/** Each operation is made so many times, and the median counts; the first ones only warm up. */
const TIMES = 60;
const WARM_UP = 10;
/** An operation on many rows may take so many times what it takes on few. */
const AT_MOST = 2;
const SLOTS = 4;
const DAY_MS = 24 * 60 * 60_000;
const TIMEOUT_MS = 30_000;

/** One operation, medians in milliseconds. */
export interface RowsResult {
  readonly operation: string;
  readonly few: number;
  readonly many: number;
}

/** What a caller and the cron wait for while the database holds 1,000 and 1,000,000 jobs of one account. */
export async function benchRows(
  log: (line: string) => void,
  manyRows = MANY,
): Promise<readonly RowsResult[]> {
  const folder = await mkdtemp(join(tmpdir(), "waterspout-bench-rows-"));
  const processorPort = await freePort();
  const worker = await startBareWorker(folder, { processorPort });
  const options = { port: processorPort, slots: SLOTS, runMs: 0, workerUrl: () => worker.url };
  const processor = await startTimedProcessor(options);
  try {
    const jobId = await create(worker);
    await until(async () => processor.startedAt.has(jobId), TIMEOUT_MS);
    const now = Date.now();
    log(`${FEW} jobs`);
    await worker.seed({ jobId, count: FEW, until: now - DAY_MS, days: 1 });
    const few = await measure(worker, processor, jobId);
    log(`${manyRows} jobs: filling the table takes some minutes`);
    await worker.seed({ jobId, count: manyRows - FEW, until: now - 3 * DAY_MS, days: 80 });
    log("measuring");
    const many = await measure(worker, processor, jobId);
    return Object.entries(few).map(([operation, ms]) => ({
      operation,
      few: ms,
      many: many[operation] ?? Number.NaN,
    }));
  } finally {
    await worker.stop();
    processor.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(
  worker: BareWorker,
  processor: TimedProcessor,
  jobId: string,
): Promise<Record<string, number>> {
  const get = (path: string) => () => read(worker, path);
  return {
    "GET /jobs": await timed(get(endpoints.listJobs.path)),
    "GET /jobs?status=failed": await timed(get(`${endpoints.listJobs.path}?status=failed`)),
    "GET /jobs/{id}": await timed(get(endpoints.getJob.path.replace("{id}", jobId))),
    "POST /jobs": await timed(() => create(worker)),
    "POST /jobs to the processor's start": await timed(async () => {
      const id = await create(worker);
      await until(async () => processor.startedAt.has(id), TIMEOUT_MS, 1);
    }),
    reconcile: await timed(() => worker.reconcile()),
  };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const samples: number[] = [];
  for (let i = 0; i < TIMES; i++) {
    const startedAt = performance.now();
    await work();
    samples.push(performance.now() - startedAt);
  }
  return median(samples.slice(WARM_UP));
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
