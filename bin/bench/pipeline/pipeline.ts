import { type Effort, median, type Subject } from "../measurement.ts";
import { type BenchProcessor, startBenchProcessor } from "../servers/bench-processor.ts";
import type { Bench } from "./bench-context.ts";
import { measureJobs } from "./jobs.ts";
import { mediaUrls, type PipelineCase, pipelineCases } from "./pipeline-cases.ts";
import { targetOf } from "./target.ts";
import { readBeforehand, warmUp } from "./warm-up.ts";

/** Sources of all forms over fast, capped and shaped connections; then complete jobs on a stack of their own. */
export async function benchPipeline(bench: Bench): Promise<readonly Subject[]> {
  const { lines, options } = bench;
  const cases = pipelineCases(options.size).filter(
    ({ name, protocol }) => name.toLowerCase().includes(options.only) && lines[protocol] !== null,
  );
  const subjects = cases.length === 0 ? [] : await measureCases(bench, cases);
  return [...subjects, ...(await measureJobs(bench))];
}

async function measureCases(bench: Bench, cases: readonly PipelineCase[]): Promise<Subject[]> {
  const processor = await startBenchProcessor(bench.folder, bench.origins);
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
  const { options, log, lines, peer, floor, tools } = bench;
  const { name, form, media, line, bucket, targets, cpuTarget, others, gib, protocol } = pipelineCase;
  const ends = lines[protocol] ?? lines.http;
  const url = `${ends.origin}/${line}/${media}`;
  const sources = await mediaUrls(pipelineCase, ends.origin);
  const storage = targetOf(ends.s3, bucket);
  await readBeforehand(bench, pipelineCase);
  const ours = new Samples("ours");
  const usual = new Samples("yt-dlp, SDK");
  const comparesTools = others.includes("peers");
  const rivals = comparesTools ? tools.peers.filter(({ forms }) => forms.includes(form)) : [];
  const contenders = rivals.map((tool) => ({ tool, samples: new Samples(tool.name) }));
  const floors: number[] = [];
  const peaks: number[] = [];
  const disks: number[] = [];
  for (let run = 1; run <= options.runs; run++) {
    log(`${name}: ${run} of ${options.runs}`);
    const { ms, cpuSeconds, peakBytes, diskBytes } = await processor.run(url, storage);
    ours.add(ms, cpuSeconds);
    if (peakBytes !== null) peaks.push(peakBytes);
    if (diskBytes !== null) disks.push(diskBytes);
    if (comparesTools && options.peers.length === 0) {
      const delivery = await peer.deliver(url, storage);
      usual.add(delivery.totalMs, delivery.cpuSeconds);
    }
    for (const { tool, samples } of contenders) {
      const delivery = await tool.deliver(url, storage);
      samples.add(delivery.ms, delivery.cpuSeconds);
    }
    if (others.includes("floor")) floors.push(await floor.measure(sources, storage));
  }
  const all = [usual, ...contenders.map(({ samples }) => samples)].filter(({ ms }) => ms.length > 0);
  return {
    ...{ name, targets, gib, others: all, cpuSeconds: ours.cpuSeconds },
    ...(cpuTarget === undefined ? {} : { cpuTarget }),
    samples: {
      ours: ours.ms,
      ...(usual.ms.length > 0 ? { peer: usual.ms } : {}),
      ...(floors.length > 0 ? { floor: floors } : {}),
    },
    peakBytes: peaks.length > 0 ? Math.max(...peaks) : null,
    diskBytes: disks.length > 0 ? median(disks) : null,
  };
}

class Samples implements Effort {
  readonly name: string;
  readonly ms: number[] = [];
  readonly cpuSeconds: number[] = [];

  constructor(name: string) {
    this.name = name;
  }

  add(ms: number, cpuSeconds: number | null): void {
    this.ms.push(ms);
    if (cpuSeconds !== null) this.cpuSeconds.push(cpuSeconds);
  }
}
