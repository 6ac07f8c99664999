import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { type MediaRequest, plan } from "../../../schema/media.ts";
import type { Delivery } from "../../../schema/wire/callback.ts";
import { NO_COOKIES } from "../../../schema/wire/cookies.ts";
import type { RunRequest, StorageTarget } from "../../../schema/wire/run.ts";
import { systemEnvironment } from "../../stack/environment.ts";
import { freePort } from "../../stack/ports.ts";
import { PROCESSOR_ARGS } from "../../stack/processor.ts";
import { until } from "../until.ts";
import { type Coordinator, startCoordinator } from "./coordinator.ts";
import { diskBytes, peakMemory, resetPeakMemory, treeCpuSeconds } from "./process-facts.ts";

/** One run and its cost. */
export interface MeasuredRun {
  readonly ms: number;
  /** Of the processor and its tools; null if unknown. */
  readonly cpuSeconds: number | null;
  readonly delivery: Delivery;
  /** Memory of the processor alone, without its tools; null if unknown. */
  readonly peakBytes: number | null;
  /** Of the processor and its tools. */
  readonly diskBytes: number | null;
}

/** The processor as a process of its own, and a Worker that accepts everything. */
export interface BenchProcessor {
  /** Runs to the end. @throws Error if the run does not complete */
  run(url: string, target: StorageTarget, request?: MediaRequest): Promise<MeasuredRun>;
  readonly pid: number;
  stop(): Promise<void>;
}

const TOKEN = "bench-processor-token";

/**
 * @param folder for its work files and its log
 * @param settings that differ from the default
 */
export async function startBenchProcessor(
  folder: string,
  allowedHosts: readonly string[],
  settings: Readonly<Record<string, string>> = {},
): Promise<BenchProcessor> {
  const [coordinator, port] = await Promise.all([startCoordinator(), freePort()]);
  const child = spawn(process.execPath, [...profiling(folder), ...PROCESSOR_ARGS], {
    env: {
      ...systemEnvironment(process.env),
      ...{ WORKER_URL: coordinator.url, PROCESSOR_TOKEN: TOKEN, HOST: "127.0.0.1", PORT: `${port}` },
      ...{
        WORK_DIR: join(folder, "work"),
        ALLOWED_PRIVATE_HOSTS: allowedHosts.join(","),
        DRAIN_SECONDS: "0",
      },
      ...settings,
    },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const url = `http://127.0.0.1:${port}`;
  const isReady = () =>
    fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  await until(isReady, 20_000);
  return {
    pid: child.pid ?? 0,
    run: (source, target, request = {}) =>
      measure(child, coordinator, url, runRequest(source, target, request)),
    stop: async () => {
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      await exited;
      coordinator.close();
    },
  };
}

async function measure(
  { pid = 0 }: ChildProcess,
  coordinator: Coordinator,
  url: string,
  run: RunRequest,
): Promise<MeasuredRun> {
  resetPeakMemory(pid);
  const diskBefore = diskBytes(pid);
  const cpuBefore = treeCpuSeconds(pid);
  const startedAt = performance.now();
  const response = await fetch(`${url}/runs`, {
    method: "POST",
    headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify(run),
  });
  if (!response.ok)
    throw new Error(`The processor responded with ${response.status}: ${await response.text()}`);
  const outcome = await coordinator.outcome(run.job_id);
  const ms = performance.now() - startedAt;
  if (outcome.type !== "completed") throw new Error(`The run ended ${JSON.stringify(outcome)}`);
  const disk = diskBytes(pid);
  const cpu = treeCpuSeconds(pid);
  return {
    ms,
    cpuSeconds: cpu === null || cpuBefore === null ? null : cpu - cpuBefore,
    delivery: outcome.delivery,
    peakBytes: peakMemory(pid),
    diskBytes: disk === null || diskBefore === null ? null : disk - diskBefore,
  };
}

function runRequest(url: string, target: StorageTarget, request: MediaRequest): RunRequest {
  return {
    ...{ v: 1, job_id: randomUUID(), attempt: 1, token: "bench", url, ...plan(request) },
    ...{ filename: null, key_prefix: { base_folder: "bench" }, subtitles: null, thumbnail: false },
    ...{ limits: { max_filesize_bytes: null, max_duration_seconds: null }, target, predecessor: null },
    ...{
      cookies: NO_COOKIES,
      wait: null,
      batch: false,
      alone: false,
      recording: { asked: false, from_start: false, max_seconds: 43_200 },
    },
  };
}

/** With `BENCH_PROFILE` set, the processor writes profiles of its CPU time to that folder when it ends. */
function profiling(folder: string): string[] {
  const { BENCH_PROFILE: target } = process.env;
  return target ? ["--cpu-prof", `--cpu-prof-dir=${resolve(folder, target)}`] : [];
}
