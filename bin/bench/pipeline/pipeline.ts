import { median, type Subject } from "../measurement.ts";
import { type BenchProcessor, startBenchProcessor } from "../servers/bench-processor.ts";
import type { Bench } from "./bench-context.ts";
import { measureJobs } from "./jobs.ts";
import { mediaUrls, PIPELINE_CASES, type PipelineCase } from "./pipeline-cases.ts";
import { targetOf } from "./target.ts";
import { readBeforehand, warmUp } from "./warm-up.ts";

/** Sources of all forms over fast, capped and shaped connections; then complete jobs on a stack of their own. */
export async function benchPipeline(bench: Bench): Promise<readonly Subject[]> {
  const cases = PIPELINE_CASES.filter(({ name }) => name.toLowerCase().includes(bench.options.only));
  const subjects = cases.length === 0 ? [] : await measureCases(bench, cases);
  return [...subjects, ...(await measureJobs(bench))];
}

async function measureCases(bench: Bench, cases: readonly PipelineCase[]): Promise<Subject[]> {
  const processor = await startBenchProcessor(bench.folder, [bench.origin.host]);
  try {
    await warmUp(bench, processor);
    const subjects: Subject[] = [];
    for (const pipelineCase of cases) subjects.push(await measureCase(bench, processor, pipelineCase));
    return subjects;
  } finally {
    await processor.stop();
  }
}

async function measureCase(
  bench: Bench,
  processor: BenchProcessor,
  pipelineCase: PipelineCase,
): Promise<Subject> {
  const { options, log, origin, s3, peer, floor } = bench;
  const { name, media, line, bucket, target, others } = pipelineCase;
  const url = `${origin.url}/${line}/${media}`;
  const sources = await mediaUrls(pipelineCase, origin.url);
  const storage = targetOf(s3.url, bucket);
  await readBeforehand(bench, pipelineCase);
  const ours: number[] = [];
  const peers: number[] = [];
  const floors: number[] = [];
  const peaks: number[] = [];
  const disks: number[] = [];
  for (let run = 1; run <= options.runs; run++) {
    log(`${name}: ${run} of ${options.runs}`);
    const { ms, peakBytes, diskBytes } = await processor.run(url, storage);
    ours.push(ms);
    if (peakBytes !== null) peaks.push(peakBytes);
    if (diskBytes !== null) disks.push(diskBytes);
    if (others.includes("peer")) peers.push((await peer.deliver(url, storage)).totalMs);
    if (others.includes("floor")) floors.push(await floor.measure(sources, storage));
  }
  return {
    name,
    target,
    samples: {
      ours,
      ...(others.includes("peer") ? { peer: peers } : {}),
      ...(others.includes("floor") ? { floor: floors } : {}),
    },
    peakBytes: peaks.length > 0 ? Math.max(...peaks) : null,
    diskBytes: disks.length > 0 ? median(disks) : null,
  };
}
