import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endpoints } from "../../schema/api/endpoints.ts";
import { CreatedJob } from "../../schema/api/job.ts";
import { type LoadRequest, type LoadResult, load } from "./load.ts";
import { median } from "./measurement.ts";
import type { BenchOptions } from "./options.ts";
import { startBareWorker } from "./servers/bare-worker.ts";
import { startServer } from "./servers/server-process.ts";
import { table } from "./table.ts";

const CONCURRENCIES = [1, 8, 32, 128];
const DURATION_MS = 2_000;

/** One request at one load: medians over the runs. */
export interface ApiResult {
  readonly route: string;
  readonly concurrency: number;
  readonly worker: LoadResult;
  readonly plain: LoadResult;
  /** Highest number of round trips to the database for one request; null if the log has none. */
  readonly d1Calls: number | null;
}

/** The Worker on bare workerd against a plain server that does the same work, at rising load. */
export async function benchApi(
  { runs }: BenchOptions,
  log: (line: string) => void,
): Promise<readonly ApiResult[]> {
  const folder = await mkdtemp(join(tmpdir(), "waterspout-bench-api-"));
  const worker = await startBareWorker(folder);
  const plain = await startServer("plain-api.ts", [folder, worker.apiKey]);
  try {
    const pairs = await Promise.all([worker.url, plain.url].map((url) => requestsOf(url, worker.apiKey)));
    const results: ApiResult[] = [];
    for (const index of [0, 1]) {
      const [ours, theirs] = pairs.map((requests) => requests[index]);
      if (!ours || !theirs) continue;
      for (const concurrency of CONCURRENCIES) {
        const route = `${ours.method} ${index === 0 ? endpoints.createJob.path : endpoints.getJob.path}`;
        log(`${route}, ${concurrency} at once`);
        worker.takeD1Calls();
        const [ofWorker, ofPlain] = await alternate(runs, concurrency, ours, theirs);
        const calls = worker.takeD1Calls();
        const d1Calls = calls.length > 0 ? calls.reduce((most, count) => Math.max(most, count)) : null;
        results.push({ route, concurrency, worker: ofWorker, plain: ofPlain, d1Calls });
      }
    }
    return results;
  } finally {
    await plain.stop();
    await worker.stop();
    await rm(folder, { recursive: true, force: true });
  }
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

async function alternate(
  runs: number,
  concurrency: number,
  ...requests: readonly [LoadRequest, LoadRequest]
): Promise<[LoadResult, LoadResult]> {
  const results: [LoadResult[], LoadResult[]] = [[], []];
  for (let run = 0; run < runs; run++) {
    results[0].push(await load(requests[0], concurrency, DURATION_MS));
    results[1].push(await load(requests[1], concurrency, DURATION_MS));
  }
  return [middle(results[0]), middle(results[1])];
}

const middle = (results: readonly LoadResult[]): LoadResult => ({
  concurrency: results[0]?.concurrency ?? 0,
  requestsPerSecond: median(results.map(({ requestsPerSecond }) => requestsPerSecond)),
  p50: median(results.map(({ p50 }) => p50)),
  p99: median(results.map(({ p99 }) => p99)),
});

export function apiTable(results: readonly ApiResult[]): string {
  const cells = ({ requestsPerSecond, p50, p99 }: LoadResult) => [
    requestsPerSecond.toFixed(0),
    `${p50.toFixed(1)} ms`,
    `${p99.toFixed(1)} ms`,
  ];
  return table(
    ["request", "at once", "ours /s", "p50", "p99", "plain /s", "p50", "p99", "D1 round trips"],
    results.map(({ route, concurrency, worker, plain, d1Calls }) => [
      ...[route, `${concurrency}`, ...cells(worker), ...cells(plain), d1Calls === null ? "" : `${d1Calls}`],
    ]),
  );
}
