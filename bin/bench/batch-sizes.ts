import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { endpoints } from "../../schema/api/endpoints.ts";
import { WIRE_VERSION } from "../../schema/wire/version.ts";
import { freePort } from "../stack/ports.ts";
import { loadSecrets } from "../stack/secrets.ts";
import { type Stack, startStack } from "../stack/stack.ts";
import { median } from "./measurement.ts";
import { type ServerProcess, startServer } from "./servers/server-process.ts";
import { until } from "./until.ts";

const SIZES = [10, 100, 1_000, 5_000];
/** How often the counters are read; the median counts. */
const READS = 5;
const LOG_TIMEOUT_MS = 5_000;

/** The cost of a step of a batch. */
interface Cost {
  readonly ms: number;
  /** Round trips to the database, and the statements in them, of the request alone. */
  readonly calls: number;
  readonly statements: number;
}

/** Medians over the runs. */
export interface BatchSize {
  readonly entries: number;
  /** The processor lists the feed, and nothing is created. */
  readonly listMs: number;
  /** `POST /jobs`, paused. */
  readonly accept: Cost;
  /** `POST /batch/{id}/start`. */
  readonly start: Cost;
  /** Calls of the queue for all dispatch messages of jobs, from the request for the batch until it had started. */
  readonly queueSends: number;
  /** `GET /batch/{id}` of the whole batch. */
  readonly readMs: number;
}

const CreatedBatch = z.object({ batch_id: z.string(), total_videos: z.int() });
/** The part of the Worker's log lines that is used. */
const LogLine = z.object({
  event: z.string(),
  method: z.string().optional(),
  route: z.string().optional(),
  d1_calls: z.number().default(0),
  d1_statements: z.number().default(0),
  sends: z.number().default(0),
});
type LogLine = z.infer<typeof LogLine>;

/** Lists, accepts, starts and reads batches of growing length on a stack of their own. */
export async function measureBatches(runs: number, log: (line: string) => void): Promise<BatchSize[]> {
  const folder = await mkdtemp(join(tmpdir(), "waterspout-bench-batch-"));
  const feed = await startServer("feed.ts");
  try {
    const env = { ...process.env, ALLOWED_PRIVATE_HOSTS: feed.host };
    const stateDir = join(folder, "state");
    const stack = await startStack({ port: await freePort(), stateDir, env, log });
    try {
      await measureOnce(stack, feed, 10);
      const sizes: BatchSize[] = [];
      for (const entries of SIZES) {
        const samples: BatchSize[] = [];
        for (let run = 1; run <= runs; run++) {
          log(`${entries} entries: ${run} of ${runs}`);
          samples.push(await measureOnce(stack, feed, entries));
        }
        sizes.push(middle(entries, samples));
      }
      return sizes;
    } finally {
      await stack.stop();
    }
  } finally {
    await feed.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function measureOnce(stack: Stack, feed: ServerProcess, entries: number): Promise<BatchSize> {
  // each listing has its own feed, so that nothing is cached from the previous one
  const url = () => `${feed.url}/feed/${entries}?${randomUUID()}`;
  const listMs = await timed(() => list(stack, url(), entries));
  const logs = await watchLog(stack);

  let batchId = "";
  const acceptMs = await timed(async () => {
    const body = { url: url(), batch: true, paused: true };
    const created = CreatedBatch.parse(await call(stack, "POST", endpoints.createJob.path, body));
    if (created.total_videos !== entries) throw new Error(`${created.total_videos} of ${entries} were taken`);
    batchId = created.batch_id;
  });
  const startMs = await timed(() => call(stack, "POST", `/batch/${batchId}/start`));
  const reads: number[] = [];
  for (let read = 0; read < READS; read++) {
    reads.push(await timed(() => call(stack, "GET", `/batch/${batchId}`)));
  }
  const lines = await logs.until("DELETE", () => call(stack, "DELETE", `/batch/${batchId}`));
  const costOf = (ms: number, route: string): Cost => {
    const line = lines.find(({ event, method, ...rest }) => method === "POST" && rest.route === route);
    if (!line) throw new Error(`The Worker's log has no line for POST ${route}`);
    return { ms, calls: line.d1_calls, statements: line.d1_statements };
  };
  return {
    entries,
    listMs,
    accept: costOf(acceptMs, endpoints.createJob.path),
    start: costOf(startMs, "/batch/:id/start"),
    queueSends: lines.reduce(
      (sum, { event, sends }) => sum + (event === "dispatch_messages_sent" ? sends : 0),
      0,
    ),
    readMs: median(reads),
  };
}

async function list({ processorUrl, stateDir }: Stack, url: string, entries: number): Promise<void> {
  const { PROCESSOR_TOKEN } = loadSecrets(join(stateDir, "secrets.json"));
  const response = await fetch(`${processorUrl}/probe`, {
    method: "POST",
    headers: { authorization: `Bearer ${PROCESSOR_TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify({ v: WIRE_VERSION, kind: "list", url, timeout_ms: 60_000, max_entries: 10_000 }),
  });
  const text = await response.text();
  const reported = text.split("\n").filter((line) => line.includes('"type":"entry"')).length;
  if (!response.ok || reported !== entries) {
    throw new Error(`The processor listed ${reported} of ${entries} entries (${response.status})`);
  }
}

async function call(
  { url, apiKey }: Stack,
  method: string,
  path: string,
  body: object = {},
): Promise<unknown> {
  const response = await fetch(url + path, {
    method,
    headers: { "x-api-key": apiKey, "content-type": "application/json" },
    ...(method === "GET" ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text.slice(0, 200)}`);
  return JSON.parse(text);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/** Reads log lines of the Worker from now on. */
async function watchLog({ stateDir }: Stack) {
  const file = join(stateDir, "logs", "worker.log");
  const from = (await readFile(file)).byteLength;
  const read = async (): Promise<LogLine[]> =>
    (await readFile(file))
      .subarray(from)
      .toString()
      .split("\n")
      .filter((line) => line.startsWith('{"event":'))
      .map((line) => LogLine.parse(JSON.parse(line)));
  return {
    /** The lines up to that of a request with this method, which is sent now. */
    async until(method: string, request: () => Promise<unknown>): Promise<LogLine[]> {
      await request();
      const isLast = (line: LogLine) => line.method === method;
      await until(async () => (await read()).some(isLast), LOG_TIMEOUT_MS);
      const lines = await read();
      return lines.slice(0, lines.findIndex(isLast));
    },
  };
}

function middle(entries: number, samples: readonly BatchSize[]): BatchSize {
  const of = (pick: (sample: BatchSize) => number) => median(samples.map(pick));
  const cost = (pick: (sample: BatchSize) => Cost): Cost => ({
    ms: of((sample) => pick(sample).ms),
    calls: of((sample) => pick(sample).calls),
    statements: of((sample) => pick(sample).statements),
  });
  return {
    entries,
    listMs: of(({ listMs }) => listMs),
    accept: cost(({ accept }) => accept),
    start: cost(({ start }) => start),
    queueSends: of(({ queueSends }) => queueSends),
    readMs: of(({ readMs }) => readMs),
  };
}
