import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endpoints } from "../../schema/api/endpoints.ts";
import { CreatedJob } from "../../schema/api/job.ts";
import { freePort } from "../stack/ports.ts";
import { type Stack, startStack } from "../stack/stack.ts";
import { load } from "./load.ts";
import { startServer } from "./servers/server-process.ts";
import { cpuSecondsOf, memoryOf, STACK_PROCESSES, type StackProcess } from "./servers/stack-processes.ts";
import { newest, percentiles, unfinished } from "./stack-jobs.ts";
import { table } from "./table.ts";
import { until } from "./until.ts";

const JOBS = 2_000;
/** Rounds of this many jobs: memory must level off, not only be small at first. */
const ROUNDS = 3;
/** Jobs that are posted at the same time. */
const AT_ONCE = 16;
/** How long this many clients read jobs, to see what requests alone cost. */
const READ_MS = 20_000;
const READERS = 16;
const TIMEOUT_MS = 20 * 60_000;

type Memory = Record<StackProcess, number | null>;

/** One round: from the first request to the end of the last job. */
export interface DrainRound {
  readonly jobs: number;
  readonly failed: number;
  readonly perSecond: number;
  /** Of all processes of the stack and their tools; null if unknown. */
  readonly cpuMsPerJob: number | null;
  /** Milliseconds from the acceptance of a job to its end, and from its claim to its end. */
  readonly total: { readonly p50: number; readonly p99: number };
  readonly run: { readonly p50: number; readonly p99: number };
}

export interface DrainResults {
  readonly rounds: readonly DrainRound[];
  /** Resident bytes after each step. */
  readonly memory: readonly { readonly after: string; readonly bytes: Memory }[];
}

/** Tiny jobs through the local stack, all at once, and how much memory its processes keep. */
export async function benchDrain(log: (line: string) => void, jobs = JOBS): Promise<DrainResults> {
  const folder = await mkdtemp(join(tmpdir(), "waterspout-bench-drain-"));
  const source = await startServer("tiny.ts");
  const stateDir = join(folder, "state");
  // every round fetches the same addresses
  const env = { ...process.env, ALLOWED_PRIVATE_HOSTS: source.host, REUSE_HOURS: "0" };
  try {
    const stack = await startStack({ port: await freePort(), stateDir, env, log });
    try {
      const memory: { after: string; bytes: Memory }[] = [];
      const note = (after: string) => {
        memory.push({ after, bytes: memoryOf(stateDir) });
        log(
          `memory ${after}: ${STACK_PROCESSES.map((name) => `${name} ${megabytes(memory.at(-1)?.bytes[name])}`).join(", ")}`,
        );
      };
      note("the start");
      const rounds: DrainRound[] = [];
      for (let round = 1; round <= ROUNDS; round++) {
        log(`${jobs} jobs, round ${round} of ${ROUNDS}`);
        const before = cpuSecondsOf(stateDir);
        const drained = await drain(stack, source.url, jobs);
        const after = cpuSecondsOf(stateDir);
        const isKnown = before !== null && after !== null;
        rounds.push({ ...drained, cpuMsPerJob: isKnown ? ((after - before) * 1000) / jobs : null });
        note(`${round * jobs} jobs`);
      }
      const reads = await readJobs(stack);
      note(`${reads} reads more`);
      return { rounds, memory };
    } finally {
      await stack.stop();
    }
  } finally {
    await source.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function drain(stack: Stack, source: string, count: number): Promise<Omit<DrainRound, "cpuMsPerJob">> {
  const headers = { "x-api-key": stack.apiKey, "content-type": "application/json" };
  const startedAt = performance.now();
  const first = Date.now();
  let left = count;
  const client = async () => {
    while (left-- > 0) {
      const body = JSON.stringify({
        url: `${source}/${left}.mp3`,
        format: "mp3",
        filename: `${first}-${left}`,
      });
      const response = await fetch(stack.url + endpoints.createJob.path, { method: "POST", headers, body });
      CreatedJob.parse(await response.json());
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, client));
  await until(async () => (await unfinished(stack)) === 0, TIMEOUT_MS, 500);
  const seconds = (performance.now() - startedAt) / 1000;
  const done = await newest(stack, count);
  return {
    jobs: count,
    failed: done.filter(({ status }) => status !== "Completed").length,
    perSecond: count / seconds,
    total: percentiles(done.map(({ created_at, finished_at }) => (finished_at ?? 0) - created_at)),
    run: percentiles(done.map(({ started_at, finished_at }) => (finished_at ?? 0) - (started_at ?? 0))),
  };
}

/** @returns how many reads there were */
async function readJobs(stack: Stack): Promise<number> {
  const [job] = await newest(stack, 1);
  const url = stack.url + endpoints.getJob.path.replace("{id}", job?.id ?? "");
  const read = { method: "GET", url, headers: { "x-api-key": stack.apiKey }, expect: 200 } as const;
  const { requestsPerSecond } = await load(read, READERS, READ_MS);
  return Math.round((requestsPerSecond * READ_MS) / 1000);
}

const megabytes = (bytes: number | null | undefined): string =>
  bytes === null || bytes === undefined ? "" : `${Math.round(bytes / 2 ** 20)} MiB`;
const seconds = (ms: number): string => `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 0)} s`;

export function drainTables({ rounds, memory }: DrainResults): string {
  const drained = table(
    [
      "jobs",
      "failed",
      "jobs a second",
      "CPU ms a job",
      "acceptance to end, p50",
      "p99",
      "claim to end, p50",
      "p99",
    ],
    rounds.map(({ cpuMsPerJob, jobs, failed, perSecond, total, run }) => [
      ...[`${jobs}`, `${failed}`, perSecond.toFixed(1), cpuMsPerJob?.toFixed(0) ?? ""],
      ...[seconds(total.p50), seconds(total.p99)],
      ...[seconds(run.p50), seconds(run.p99)],
    ]),
  );
  const kept = table(
    ["memory after", ...STACK_PROCESSES],
    memory.map(({ after, bytes }) => [after, ...STACK_PROCESSES.map((name) => megabytes(bytes[name]))]),
  );
  return `${drained}\n\n${kept}`;
}
