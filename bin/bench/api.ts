import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endpoints } from "../../schema/api/endpoints.ts";
import { CreatedJob } from "../../schema/api/job.ts";
import { freePort } from "../stack/ports.ts";
import { startStack } from "../stack/stack.ts";
import { type LoadRequest, type LoadResult, load } from "./load.ts";
import { median } from "./measurement.ts";
import type { BenchOptions } from "./options.ts";
import { startFullProcessor } from "./servers/full-processor.ts";
import { startServer } from "./servers/server-process.ts";
import { cpuSecondsOf, memoryOf } from "./servers/stack-processes.ts";
import { table } from "./table.ts";

const CONCURRENCIES = [1, 8, 32, 128];
const DURATION_MS = 2_000;
/** V8 compiles what runs often; a service is measured after that. */
const WARM_UP_REQUESTS = 5_000;
const WARM_UP_MS = 1_000;
const WARM_UP_CONCURRENCY = 32;

/** One request at one load: medians over the runs. */
export interface ApiResult {
  readonly route: string;
  readonly concurrency: number;
  readonly worker: LoadResult;
  readonly plain: LoadResult;
  /** CPU milliseconds of workerd and the process around it for each request; null where unknown. */
  readonly cpuMs: number | null;
  /** Highest number of round trips to the database for one request; null if the log has none. */
  readonly d1Calls: number | null;
}

export interface ApiResults {
  readonly results: readonly ApiResult[];
  /** Resident bytes of workerd and the process around it before the first request; the processor is not among it. */
  readonly idleBytes: number | null;
}

/**
 * The self-hosted program against a plain server in one process that does the same work, at rising load. Its processor has
 * no free slot, so that only the API is measured.
 */
export async function benchApi({ runs }: BenchOptions, log: (line: string) => void): Promise<ApiResults> {
  const folder = await mkdtemp(join(tmpdir(), "waterspout-bench-api-"));
  const worker = await startStack({
    port: await freePort(),
    stateDir: join(folder, "state"),
    env: process.env,
    log,
    startProcessor: startFullProcessor,
  });
  const calls = d1CallsIn(join(worker.stateDir, "logs", "worker.log"));
  const memory = memoryOf(worker.stateDir);
  const idleBytes = memory.workerd && memory.platform ? memory.workerd + memory.platform : null;
  const plain = await startServer("plain-api.ts", [folder, worker.apiKey]);
  try {
    const pairs = await Promise.all([worker.url, plain.url].map((url) => requestsOf(url, worker.apiKey)));
    const results: ApiResult[] = [];
    for (const index of [0, 1]) {
      const [ours, theirs] = pairs.map((requests) => requests[index]);
      if (!ours || !theirs) continue;
      log(`warming up ${ours.method}`);
      for (const each of [ours, theirs]) await warmUp(each);
      for (const concurrency of CONCURRENCIES) {
        const route = `${ours.method} ${index === 0 ? endpoints.createJob.path : endpoints.getJob.path}`;
        log(`${route}, ${concurrency} at once`);
        await calls.take();
        const cpu = () => cpuSecondsOf(worker.stateDir);
        const alternated = await alternate({ runs, concurrency, cpu }, ours, theirs);
        results.push({ route, concurrency, ...alternated, d1Calls: await calls.take() });
      }
    }
    return { results, idleBytes };
  } finally {
    await plain.stop();
    await worker.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function warmUp(request: LoadRequest): Promise<void> {
  for (let sent = 0; sent < WARM_UP_REQUESTS; ) {
    const { requestsPerSecond } = await load(request, WARM_UP_CONCURRENCY, WARM_UP_MS);
    sent += requestsPerSecond * (WARM_UP_MS / 1000);
  }
}

/** Reads the Worker's log. `take` returns the highest number of round trips of a caller's request since the last call. */
function d1CallsIn(file: string) {
  let read = 0;
  return {
    async take(): Promise<number | null> {
      const text = (await readFile(file, "utf8")).slice(read);
      read += text.length;
      const counts = text
        .split("\n")
        .filter((line) => line.startsWith('{"event":"request"'))
        .map((line) => JSON.parse(line) as { readonly route: string; readonly d1_calls: number })
        .filter(({ route }) => route.startsWith("/jobs"))
        .map(({ d1_calls }) => d1_calls);
      return counts.length === 0 ? null : counts.reduce((most, count) => Math.max(most, count));
    },
  };
}

async function requestsOf(url: string, apiKey: string): Promise<[LoadRequest, LoadRequest]> {
  const headers = { "x-api-key": apiKey, "content-type": "application/json" };
  const body = JSON.stringify({ url: "https://media.example/watch?v=1" });
  const create = `${url}${endpoints.createJob.path}`;
  const response = await fetch(create, { method: "POST", headers, body });
  const { job_id } = CreatedJob.parse(await response.json());
  const get = `${url}${endpoints.getJob.path.replace("{id}", job_id)}`;
  return [
    { method: "POST", url: create, headers, body, expect: 201 },
    { method: "GET", url: get, headers, expect: 200 },
  ];
}

interface Alternation {
  readonly runs: number;
  readonly concurrency: number;
  /** CPU seconds of the Worker's processes so far. */
  readonly cpu: () => number | null;
}

async function alternate(
  { runs, concurrency, cpu }: Alternation,
  ours: LoadRequest,
  theirs: LoadRequest,
): Promise<Pick<ApiResult, "worker" | "plain" | "cpuMs">> {
  const worker: LoadResult[] = [];
  const plain: LoadResult[] = [];
  const cpuMs: number[] = [];
  for (let run = 0; run < runs; run++) {
    const before = cpu();
    const result = await load(ours, concurrency, DURATION_MS);
    const after = cpu();
    worker.push(result);
    if (before !== null && after !== null) cpuMs.push(((after - before) * 1000) / result.requests);
    plain.push(await load(theirs, concurrency, DURATION_MS));
  }
  return {
    worker: middle(worker),
    plain: middle(plain),
    cpuMs: cpuMs.length === 0 ? null : median(cpuMs),
  };
}

const middle = (results: readonly LoadResult[]): LoadResult => ({
  concurrency: results[0]?.concurrency ?? 0,
  requests: median(results.map(({ requests }) => requests)),
  requestsPerSecond: median(results.map(({ requestsPerSecond }) => requestsPerSecond)),
  p50: median(results.map(({ p50 }) => p50)),
  p99: median(results.map(({ p99 }) => p99)),
});

export function apiTable({ results, idleBytes }: ApiResults): string {
  const cells = ({ requestsPerSecond, p50, p99 }: LoadResult) => [
    requestsPerSecond.toFixed(0),
    `${p50.toFixed(1)} ms`,
    `${p99.toFixed(1)} ms`,
  ];
  const idle =
    idleBytes === null ? "" : `\n\nIdle: ${Math.round(idleBytes / 2 ** 20)} MiB without the processor`;
  const rows = table(
    ["request", "at once", "ours /s", "p50", "p99", "our CPU", "plain /s", "p50", "p99", "D1 round trips"],
    results.map(({ route, concurrency, worker, plain, cpuMs, d1Calls }) => [
      ...[route, `${concurrency}`, ...cells(worker), cpuMs === null ? "" : `${cpuMs.toFixed(2)} ms`],
      ...[...cells(plain), d1Calls === null ? "" : `${d1Calls}`],
    ]),
  );
  return rows + idle;
}
