import { join } from "node:path";
import { endpoints } from "../../../schema/api/endpoints.ts";
import { CreatedJob, Job } from "../../../schema/api/job.ts";
import { freePort } from "../../stack/ports.ts";
import { type Stack, startStack } from "../../stack/stack.ts";
import { type Effort, median, type Subject, type Target } from "../measurement.ts";
import { diskBytes, endedChildrenCpuSeconds, peakMemory, resetPeakMemory } from "../servers/process-facts.ts";
import { cpuSecondsOf, processorPid } from "../servers/stack-processes.ts";
import type { ToolPeer } from "../servers/tool-peers.ts";
import { until } from "../until.ts";
import type { Bench, Line } from "./bench-context.ts";
import { EPISODE, EPISODE_GIB } from "./media.ts";
import { targetOf } from "./target.ts";

/** Many files of 20 MB that are wanted at the same time, each at an address of its own. */
interface Crowd {
  readonly name: string;
  readonly files: number;
  /** Commands of the other tools that run at the same time. */
  readonly othersAtOnce: number;
  readonly targets: readonly Target[];
}

const CROWDS: readonly Crowd[] = [
  ...[1, 8, 50].map((files) => ({
    ...{ name: `${files} ${files === 1 ? "job" : "jobs at once"}, 20 MB, TLS`, files, othersAtOnce: files },
    targets: [],
  })),
  {
    ...{ name: "100 episodes of 20 MB, TLS; others: 4 at a time", files: 100, othersAtOnce: 4 },
    targets: [{ against: "strongest", atMost: 1 / 3 }],
  },
];

const BUCKET = "fast";
const TIMEOUT_MS = 600_000;

/** One delivery of a whole crowd. */
interface Sample {
  readonly ms: number;
  readonly cpuSeconds: number | null;
  /** From the beginning to the first bytes of a file in the storage, median of the files. */
  readonly firstStored: number;
}

/** Jobs for many files through Worker, queue and processor, as a caller sees them, and as many commands of the other tools. */
export async function measureCrowds(bench: Bench): Promise<Subject[]> {
  const { options, folder, lines, log } = bench;
  const wanted = CROWDS.filter(({ name }) => name.toLowerCase().includes(options.only));
  if (wanted.length === 0 || lines.tls === null) return [];
  const [origin, s3] = [lines.tls.origin, lines.tls.s3];
  const stack = await startStack({
    port: await freePort(),
    stateDir: join(folder, "crowds"),
    env: {
      ...{ ...process.env, ALLOWED_PRIVATE_HOSTS: new URL(origin).host, REUSE_HOURS: "0" },
      ...{ R2_ENDPOINT: s3, R2_BUCKET: BUCKET },
    },
    log,
  });
  try {
    await postAll(bench, stack, origin, 1);
    const subjects: Subject[] = [];
    for (const crowd of wanted) subjects.push(await measure(bench, stack, lines.tls, crowd));
    return subjects;
  } finally {
    await stack.stop();
  }
}

async function measure(bench: Bench, stack: Stack, line: Line, crowd: Crowd): Promise<Subject> {
  const { options, log, tools } = bench;
  const { files, name, targets } = crowd;
  const ours: Sample[] = [];
  const rivals = tools.peers.filter(({ forms }) => forms.includes("progressive"));
  const others = rivals.map((tool) => ({ tool, samples: [] as Sample[] }));
  const pid = processorPid(stack.stateDir) ?? 0;
  const peaks: number[] = [];
  const disks: number[] = [];
  for (let run = 1; run <= options.runs; run++) {
    log(`${name}: ${run} of ${options.runs}`);
    resetPeakMemory(pid);
    const written = diskBytes(pid);
    ours.push(await postAll(bench, stack, line.origin, files));
    peaks.push(peakMemory(pid) ?? Number.NaN);
    disks.push((diskBytes(pid) ?? Number.NaN) - (written ?? Number.NaN));
    for (const { tool, samples } of others) samples.push(await commandAll(bench, tool, line, crowd));
  }
  const peak = Math.max(...peaks);
  const disk = median(disks);
  return {
    ...effort(name, ours),
    ...{ targets, gib: files * EPISODE_GIB, samples: { ours: ours.map(({ ms }) => ms) } },
    others: others.map(({ tool, samples }) => effort(tool.name, samples)),
    peakBytes: Number.isNaN(peak) ? null : peak,
    diskBytes: Number.isNaN(disk) ? null : disk,
  };
}

const effort = (name: string, samples: readonly Sample[]): Effort => ({
  name,
  ms: samples.map(({ ms }) => ms),
  cpuSeconds: samples.flatMap(({ cpuSeconds }) => cpuSeconds ?? []),
  firstStored: samples.map(({ firstStored }) => firstStored),
});

/** Each file has an address of its own, as episodes have. */
const addressOf = (origin: string, index: number): string => `${origin}/fast/${EPISODE}?episode=${index}`;

/** Posts a job for each file at once, and waits for all of them. */
async function postAll(bench: Bench, stack: Stack, origin: string, files: number): Promise<Sample> {
  const { apiKey, stateDir, url: api } = stack;
  const headers = { "x-api-key": apiKey, "content-type": "application/json" };
  await bench.firstBytes();
  const cpuBefore = cpuSecondsOf(stateDir);
  const [startedAt, beganAt] = [performance.now(), Date.now()];
  const submit = async (index: number) => {
    const body = JSON.stringify({ url: addressOf(origin, index), filename: `${beganAt}-${index}` });
    const response = await fetch(api + endpoints.createJob.path, { method: "POST", headers, body });
    return CreatedJob.parse(await response.json()).job_id;
  };
  const isCompleted = async (id: string) => {
    const response = await fetch(api + endpoints.getJob.path.replace("{id}", id), { headers });
    const { status, error } = Job.parse(await response.json());
    if (error !== null) throw new Error(`The job ended ${status}: ${error}`);
    return status === "Completed";
  };
  const ids = await Promise.all(Array.from({ length: files }, (_, index) => submit(index)));
  for (const id of ids) await until(() => isCompleted(id), TIMEOUT_MS, files === 1 ? 20 : 100);
  const ms = performance.now() - startedAt;
  const cpu = cpuSecondsOf(stateDir);
  return {
    ms,
    cpuSeconds: cpu === null || cpuBefore === null ? null : cpu - cpuBefore,
    firstStored: await medianFirst(bench, beganAt, files),
  };
}

/** Runs a tool's command for each file, some at a time. */
async function commandAll(
  bench: Bench,
  tool: ToolPeer,
  { origin, s3 }: Line,
  { files, othersAtOnce }: Crowd,
): Promise<Sample> {
  await bench.firstBytes();
  const cpuBefore = endedChildrenCpuSeconds();
  const [startedAt, beganAt] = [performance.now(), Date.now()];
  let next = 0;
  const work = async () => {
    while (next < files) await tool.deliver(addressOf(origin, next++), targetOf(s3, BUCKET));
  };
  await Promise.all(Array.from({ length: othersAtOnce }, work));
  const ms = performance.now() - startedAt;
  const cpu = endedChildrenCpuSeconds();
  return {
    ms,
    cpuSeconds: cpu === null || cpuBefore === null ? null : cpu - cpuBefore,
    firstStored: await medianFirst(bench, beganAt, files),
  };
}

async function medianFirst(bench: Bench, beganAt: number, files: number): Promise<number> {
  const firsts = [...(await bench.firstBytes()).values()];
  if (firsts.length !== files) throw new Error(`The storage got ${firsts.length} of ${files} files`);
  return median(firsts.map((at) => at - beganAt));
}
