import { type Effort, median, type Subject } from "../measurement.ts";
import { type BenchProcessor, type MeasuredRun, startBenchProcessor } from "../servers/bench-processor.ts";
import { type HalfCore, openHalfCore } from "../servers/half-core.ts";
import { onLongLine } from "../servers/long-line.ts";
import { treeOf } from "../servers/process-facts.ts";
import type { Bench } from "./bench-context.ts";
import { measureCrowds } from "./crowds.ts";
import { measureJobs } from "./jobs.ts";
import { mediaUrls, type PipelineCase, pipelineCases } from "./pipeline-cases.ts";
import { targetOf } from "./target.ts";
import { readBeforehand, warmUp } from "./warm-up.ts";

/** Sources of all forms over fast, slow and long lines; then complete jobs on a stack of their own. */
export async function benchPipeline(bench: Bench): Promise<readonly Subject[]> {
  const { lines, options } = bench;
  const cases = pipelineCases(options.size).filter(
    ({ name, ends }) => name.toLowerCase().includes(options.only) && lines[ends] !== null,
  );
  const slowed = cases.filter(isSlowed);
  const [keeping, passing] = [false, true].map((passes) =>
    cases.filter((one) => !isSlowed(one) && (one.noDisk ?? false) === passes),
  );
  return [
    ...(await measureCases(bench, keeping ?? [], null)),
    ...(await measureCases(bench, passing ?? [], null, { KEEP_COPIES_ON_DISK: "false" })),
    ...(slowed.length === 0 ? [] : await measureSlowed(bench, slowed)),
    ...(await measureJobs(bench)),
    ...(await measureCrowds(bench)),
  ];
}

const isSlowed = ({ halfCore = false }: PipelineCase): boolean => halfCore;

async function measureSlowed(bench: Bench, cases: readonly PipelineCase[]): Promise<Subject[]> {
  const group = openHalfCore();
  if (group === null) {
    bench.log("half a core is not measured: this user may not limit the CPU time of processes");
    return [];
  }
  try {
    return await measureCases(bench, cases, group);
  } finally {
    group.close();
  }
}

/**
 * @param group what the processor and all tools run in; null for the whole machine
 * @param settings of the processor
 */
async function measureCases(
  bench: Bench,
  cases: readonly PipelineCase[],
  group: HalfCore | null,
  settings: Readonly<Record<string, string>> = {},
): Promise<Subject[]> {
  if (cases.length === 0) return [];
  const processor = await startBenchProcessor(bench.folder, bench.origins, settings);
  try {
    await warmUp(bench, processor);
    group?.add(treeOf(processor.pid));
    const subjects: Subject[] = [];
    for (const pipelineCase of cases) {
      const measure = () => measureCase(bench, processor, pipelineCase, group);
      await readBeforehand(bench, pipelineCase);
      const { quality } = pipelineCase;
      subjects.push(await (quality ? onLongLine(quality, measure) : measure()));
    }
    return subjects;
  } finally {
    await processor.stop();
  }
}

async function measureCase(
  bench: Bench,
  processor: BenchProcessor,
  pipelineCase: PipelineCase,
  group: HalfCore | null,
): Promise<Subject> {
  const { options, log, lines, peer, floor, relay, tools } = bench;
  const { name, form, media, line, bucket, targets, cpuTarget, others, gib, ends: kind } = pipelineCase;
  const ends = lines[kind] ?? lines.http;
  const url = `${ends.origin}/${line}/${media}`;
  const sources = await mediaUrls(pipelineCase, ends.origin);
  const storage = targetOf(ends.s3, bucket);
  const ours = new Samples("ours");
  const usual = new Samples("yt-dlp, SDK");
  const bare = new Samples("bare relay");
  const rivals = others.includes("tools") ? tools.peers.filter(({ forms }) => forms.includes(form)) : [];
  const contenders = rivals.map((tool) => ({ tool, samples: new Samples(tool.name) }));
  const floors: number[] = [];
  const runs: MeasuredRun[] = [];
  /** Any key: there is one upload at a time. */
  const timed = async <T extends object>(deliver: () => Promise<T>) => {
    await bench.firstBytes();
    const startedAt = Date.now();
    const delivery = await deliver();
    const [first] = [...(await bench.firstBytes()).values()];
    return { ...delivery, firstStored: first === undefined ? null : first - startedAt };
  };
  for (let run = 1; run <= options.runs; run++) {
    log(`${name}: ${run} of ${options.runs}`);
    const own = await timed(() => processor.run(url, storage));
    runs.push(own);
    ours.add(own);
    if (others.includes("usual") && options.peers.length === 0) {
      const { totalMs: ms, ...delivery } = await timed(() => peer.deliver(url, storage));
      usual.add({ ms, ...delivery });
    }
    for (const { tool, samples } of contenders) {
      samples.add(await timed(() => tool.deliver(url, storage, group?.file)));
    }
    if (others.includes("relay")) bare.add({ ...(await relay.pass(url, storage)), firstStored: null });
    if (others.includes("floor")) floors.push(await floor.measure(sources, storage));
  }
  const all = [usual, ...contenders.map(({ samples }) => samples)].filter(({ ms }) => ms.length > 0);
  return {
    ...{ name, targets, gib, others: all, cpuSeconds: ours.cpuSeconds, firstStored: ours.firstStored },
    ...(cpuTarget === undefined ? {} : { cpuTarget }),
    ...(bare.ms.length > 0 ? { relay: bare } : {}),
    samples: {
      ours: ours.ms,
      ...(usual.ms.length > 0 ? { peer: usual.ms } : {}),
      ...(floors.length > 0 ? { floor: floors } : {}),
    },
    peakBytes: known(runs.map(({ peakBytes }) => peakBytes)).reduce<number | null>(
      (most, bytes) => Math.max(most ?? 0, bytes),
      null,
    ),
    diskBytes: medianOf(known(runs.map((run) => run.diskBytes))),
  };
}

const known = (values: readonly (number | null)[]): number[] => values.filter((value) => value !== null);
const medianOf = (values: readonly number[]): number | null => (values.length > 0 ? median(values) : null);

class Samples implements Effort {
  readonly name: string;
  readonly ms: number[] = [];
  readonly cpuSeconds: number[] = [];
  readonly firstStored: number[] = [];

  constructor(name: string) {
    this.name = name;
  }

  add({ cpuSeconds, firstStored, ms }: Sample): void {
    this.ms.push(ms);
    if (cpuSeconds !== null) this.cpuSeconds.push(cpuSeconds);
    if (firstStored !== null) this.firstStored.push(firstStored);
  }
}

interface Sample {
  readonly ms: number;
  readonly cpuSeconds: number | null;
  readonly firstStored: number | null;
}
