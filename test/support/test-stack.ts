import { mkdtemp, readdir, readFile, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Child, startChild } from "../../bin/stack/child.ts";
import { runScheduled } from "../../bin/stack/platform/control.ts";
import { waitUntilReady } from "../../bin/stack/readiness.ts";
import { type Detours, type Stack, startStack } from "../../bin/stack/stack.ts";
import { controlFile, PLATFORM_PROGRAM, STATE_VARIABLE } from "../../bin/stack/worker.ts";
import type { Job } from "../../schema/api/job.ts";
import { freePort } from "./ports.ts";

/** The stack that `npm start` runs, on a separate state folder, with a client for its API. */
export interface TestStack extends Stack {
  /** Sends a request with the local key; parses the JSON of the response. */
  call<T = unknown>(method: string, path: string, body?: unknown): Promise<ApiResponse<T>>;
  /** Creates a job and returns its id. */
  create(request: Readonly<Record<string, unknown>>): Promise<string>;
  job(id: string): Promise<Job>;
  /** Follows a job's events until one satisfies the condition, and returns the job as it is then. */
  until(id: string, condition: (job: Job) => boolean): Promise<Job>;
  /** Follows a job to its end. */
  end(id: string): Promise<Job>;
  /** Runs the Worker's scheduled work now. */
  reconcile(): Promise<void>;
  /** Process id of the processor that runs now. */
  processorPid(): Promise<number>;
  /** Process ids of the processor's tools. */
  toolPids(): Promise<number[]>;
  /** Process ids of the Worker and the runtime below it. */
  workerPids(): Promise<number[]>;
  /**
   * Kills the Worker with everything that belongs to it, in the middle of whatever it does; resolves when it is dead.
   */
  killWorker(): Promise<void>;
  /** Starts the Worker again, as it was before it was killed; resolves when it is ready. */
  restartWorker(): Promise<void>;
}

export interface ApiResponse<T> {
  readonly status: number;
  readonly body: T;
  readonly headers: Headers;
}

export interface TestStackOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Port of the Worker; default: a free one. */
  readonly port?: number;
  readonly detours?: Detours;
  /** Kept by the caller; default: a temporary folder that is removed at the end. */
  readonly stateDir?: string;
}

export async function startTestStack({
  env = {},
  port,
  stateDir,
  detours,
}: TestStackOptions = {}): Promise<TestStack> {
  const folder = stateDir ?? (await mkdtemp(join(tmpdir(), "stack-")));
  const stack = await startStack({
    port: port ?? (await freePort()),
    stateDir: folder,
    // most tests send the same address many times, and expect each job to fetch it
    env: { ...process.env, REUSE_HOURS: "0", ...env },
    log: () => {},
    ...(detours ? { detours } : {}),
  });
  const worker = await workerProcess(folder);
  let restarted: Child | undefined;
  const call = async <T>(method: string, path: string, body?: unknown): Promise<ApiResponse<T>> => {
    const response = await fetch(stack.url + path, {
      method,
      headers: { "x-api-key": stack.apiKey, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as T, headers: response.headers };
  };
  const job = async (id: string) => (await call<Job>("GET", `/jobs/${id}`)).body;
  const until = async (id: string, condition: (job: Job) => boolean): Promise<Job> => {
    for (;;) {
      const found = await job(id);
      if (condition(found)) return found;
      await nextEvent(stack, id);
    }
  };
  return {
    ...stack,
    call,
    job,
    until,
    create: async (request) => {
      const { status, body } = await call<{ job_id: string }>("POST", "/jobs", request);
      if (status !== 201) throw new Error(`POST /jobs answered ${status}: ${JSON.stringify(body)}`);
      return body.job_id;
    },
    end: (id) => until(id, ({ status }) => status !== "Pending" && status !== "Processing"),
    reconcile: () => runScheduled(controlFile(folder)),
    processorPid: async () => {
      for (;;) {
        const [pid] = await processorPids(folder);
        if (pid !== undefined) return pid;
        await pause(20);
      }
    },
    toolPids: () => pidsWhere((process) => process.cwd?.startsWith(join(folder, "work", "runs")) === true),
    workerPids: () => workerPids(folder),
    killWorker: async () => {
      const pids = await workerPids(folder);
      if (restarted) restarted.kill();
      else process.kill(-worker.pid, "SIGKILL");
      for (const pid of pids) while (!(await isDead(pid))) await pause(5);
    },
    restartWorker: async () => {
      restarted = startChild({
        ...worker,
        logFile: join(folder, "logs", "worker.log"),
      });
      await waitUntilReady(stack.url, AbortSignal.timeout(60_000));
    },
    stop: async () => {
      await restarted?.stop(5_000);
      await stack.stop();
      if (stateDir === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Waits for the next event of a job's stream; the stream of an ended job ends at once. */
async function nextEvent(stack: Stack, id: string): Promise<void> {
  const abort = new AbortController();
  const response = await fetch(`${stack.url}/jobs/${id}/events`, {
    headers: { "x-api-key": stack.apiKey },
    signal: abort.signal,
  });
  let events = 0;
  for await (const chunk of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
    events += chunk.split("event:").length - 1;
    // the first event reports what is already known
    if (events > 1) break;
  }
  abort.abort();
}

/** How the stack's Worker was started. */
async function workerProcess(folder: string) {
  const [first, ...others] = await pidsWhere(
    (found) => isOfWorker(folder, found) && found.command.includes(PLATFORM_PROGRAM),
  );
  if (first === undefined || others.length > 0) throw new Error("the Worker's process was not found");
  const { command, environment, cwd = "" } = await factsOf(first);
  const [program = "", ...args] = command.split("\0").slice(0, -1);
  const variables = environment.split("\0").slice(0, -1);
  const env = Object.fromEntries(variables.map((pair) => pair.split(/=(.*)/s, 2) as [string, string]));
  return { pid: first, command: program, args, env, cwd };
}

/** The Worker's command line and the runtime below it; both contain the path of the database. */
const isOfWorker = (folder: string, { command, environment }: ProcessFacts): boolean =>
  environment.split("\0").includes(`${STATE_VARIABLE}=${folder}`) &&
  (command.includes(PLATFORM_PROGRAM) || command.includes("workerd"));

const workerPids = (folder: string): Promise<number[]> => pidsWhere((found) => isOfWorker(folder, found));

/** A process that is gone or waits to be reaped holds no file open; one that is dying may. */
const isDead = async (pid: number): Promise<boolean> =>
  /^(\d+ \(.*\) [ZX] .*)?$/s.test(await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ""));

interface ProcessFacts {
  readonly pid: number;
  readonly command: string;
  readonly environment: string;
  readonly cwd: string | undefined;
}

const processorPids = (folder: string): Promise<number[]> =>
  pidsWhere(
    ({ command, environment }) =>
      command.includes("processor/main.ts") && environment.includes(`WORK_DIR=${join(folder, "work")}`),
  );

async function pidsWhere(matches: (process: ProcessFacts) => boolean): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map(factsOf));
  return found.filter(matches).map(({ pid }) => pid);
}

async function factsOf(pid: number): Promise<ProcessFacts> {
  const [command, environment, cwd] = await Promise.all([
    readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""),
    readFile(`/proc/${pid}/environ`, "utf8").catch(() => ""),
    readlink(`/proc/${pid}/cwd`).catch(() => undefined),
  ]);
  return { pid, command, environment, cwd };
}
