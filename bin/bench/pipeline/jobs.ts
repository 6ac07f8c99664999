import { join } from "node:path";
import { endpoints } from "../../../schema/api/endpoints.ts";
import { CreatedJob, Job } from "../../../schema/api/job.ts";
import { freePort } from "../../stack/ports.ts";
import { type Stack, startStack } from "../../stack/stack.ts";
import type { Subject } from "../measurement.ts";
import { until } from "../until.ts";
import type { Bench } from "./bench-context.ts";
import { SMALL } from "./media.ts";
import { targetOf } from "./target.ts";

const SMALL_NAME = "8 MB file, POST to Completed";
const CROWD = 50;
const CROWD_NAME = `${CROWD} such files at once; peer: one after another`;
const JOB_TIMEOUT_MS = 120_000;

/** Jobs for a small file through Worker, queue and processor, as a caller sees them. */
export async function measureJobs(bench: Bench): Promise<Subject[]> {
  const { options, folder, origin, s3, log } = bench;
  const wanted = [SMALL_NAME, CROWD_NAME].filter((name) => name.toLowerCase().includes(options.only));
  if (wanted.length === 0) return [];
  const stack = await startStack({
    port: await freePort(),
    stateDir: join(folder, "state"),
    env: { ...process.env, ALLOWED_PRIVATE_HOSTS: origin.host, R2_ENDPOINT: s3.url, R2_BUCKET: "fast" },
    log,
  });
  try {
    await completeJobs(stack, `${origin.url}/fast/${SMALL}`, 1);
    return await measure(bench, stack, wanted);
  } finally {
    await stack.stop();
  }
}

async function measure(
  { options, origin, s3, peer, log }: Bench,
  stack: Stack,
  wanted: readonly string[],
): Promise<Subject[]> {
  const url = `${origin.url}/fast/${SMALL}`;
  const single: number[] = [];
  const crowd: number[] = [];
  const commands: number[] = [];
  const totals: number[] = [];
  for (let run = 1; run <= options.runs; run++) {
    log(`jobs of a small file: ${run} of ${options.runs}`);
    if (wanted.includes(SMALL_NAME)) single.push(await completeJobs(stack, url, 1));
    if (wanted.includes(CROWD_NAME)) crowd.push(await completeJobs(stack, url, CROWD));
    const { commandMs, totalMs } = await peer.deliver(url, targetOf(s3.url, "fast"));
    commands.push(commandMs);
    totals.push(totalMs * CROWD);
  }
  const subjects: Subject[] = [
    {
      name: SMALL_NAME,
      // the bare command line, without its upload
      samples: { ours: single, peer: commands },
      targets: [{ against: "peer", atMost: 0.35 }],
    },
    {
      name: CROWD_NAME,
      samples: { ours: crowd, peer: totals },
      targets: [{ against: "peer", atMost: 1 / 6 }],
    },
  ];
  return subjects.filter(({ name }) => wanted.includes(name));
}

/** Submits several jobs together. @returns milliseconds until the last one is completed */
async function completeJobs({ url: api, apiKey }: Stack, url: string, count: number): Promise<number> {
  const headers = { "x-api-key": apiKey, "content-type": "application/json" };
  const startedAt = performance.now();
  const submit = async () => {
    const init = { method: "POST", headers, body: JSON.stringify({ url }) };
    const response = await fetch(api + endpoints.createJob.path, init);
    return CreatedJob.parse(await response.json()).job_id;
  };
  const isCompleted = async (id: string) => {
    const response = await fetch(api + endpoints.getJob.path.replace("{id}", id), { headers });
    const { status, error } = Job.parse(await response.json());
    if (error !== null) throw new Error(`The job ended ${status}: ${error}`);
    return status === "Completed";
  };
  const ids = await Promise.all(Array.from({ length: count }, submit));
  // in order: a job that is already done needs only one request
  for (const id of ids) await until(() => isCompleted(id), JOB_TIMEOUT_MS, count === 1 ? 20 : 100);
  return performance.now() - startedAt;
}
