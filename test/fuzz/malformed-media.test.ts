import { mkdtemp, readdir, rm } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Canaries, layCanaries } from "../support/canaries.ts";
import { type DamagedSources, meet, startDamagedStorage } from "../support/damaged-sources.ts";
import { malformedMedia } from "../support/malformed-media.ts";
import { mediaFolder } from "../support/media.ts";
import { startOrigin } from "../support/origin.ts";
import { ParsersApart } from "../support/parsers-apart.ts";
import { type ProcessorProcess, startProcessorProcess } from "../support/processor-process.ts";
import { startS3 } from "../support/s3-server.ts";
import { startScriptedWorker } from "../support/scripted-worker.ts";

/** The campaign of malformed media: 500 inputs by default, any number with `npm run fuzz`. */

const setting = (name: string, usual: number): number => Number(process.env[name] ?? usual);
const INPUTS = setting("FUZZ_INPUTS", 500);
const SEED = setting("FUZZ_SEED", 1);
const FROM = setting("FUZZ_FROM", 0);
/**
 * Every this many inputs, one goes through a real processor, its tools and its storage. It shares no factor with the
 * number of kinds.
 */
const PROCESSOR_EVERY = 35;
/** Inputs that the processor handles at the same time. */
const AT_ONCE = 4;
const HEALTH_EVERY_MS = 100;
const MAX_PROCESSOR_BYTES = 300 << 20;

const SMALL = { seconds: 1, width: 64, height: 36, fps: 10 } as const;

let canaries: Canaries;
let workFolder: string;
let sources: DamagedSources;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  canaries = await layCanaries();
  workFolder = await mkdtemp(join(tmpdir(), "fuzz-"));
  const root = await mediaFolder({ "media.mp4": ["mp4", SMALL], hls: ["hls-ts", SMALL] });
  const [origin, storage, worker, s3] = await Promise.all([
    startOrigin({ root }),
    startDamagedStorage(),
    startScriptedWorker(),
    startS3(),
  ]);
  const processor = await startProcessorProcess({
    WORKER_URL: worker.url,
    WORK_DIR: workFolder,
    ALLOWED_PRIVATE_HOSTS: `${origin.host},${storage.host}`,
    HEARTBEAT_SECONDS: "1",
    DRAIN_SECONDS: "0",
    ...(process.env.YTDLP_PATH ? { YTDLP_PATH: process.env.YTDLP_PATH } : {}),
  });
  const target: DamagedSources["target"] = {
    ...{ provider: "s3", endpoint: s3.endpoint, bucket: s3.bucket, region: s3.region, addressing: "path" },
    ...{ access_key: s3.accessKeyId, secret_key: s3.secretAccessKey, managed: true },
  };
  sources = { origin, storage, worker, processor, target };
  closing.push(
    () => processor.stop(),
    () => origin.close(),
    () => storage.close(),
    () => worker.close(),
    () => s3.close(),
    () => canaries.remove(),
    () => rm(workFolder, { recursive: true, force: true }),
  );
}, 120_000);

afterAll(async () => {
  for (const close of closing) await close();
}, 60_000);

/** One request over a new connection: a kept one may be closed while this process waits for the CPU. */
const isHealthy = (url: string): Promise<boolean> =>
  new Promise((resolve) => {
    const request = http.get(`${url}/healthz`, { agent: false }, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode === 200));
      response.once("error", () => resolve(false));
    });
    request.once("error", () => resolve(false));
  });

/**
 * Polls `/healthz` until it is stopped. On a shared machine a response also waits for other programs: the CPU time that
 * the processor itself used meanwhile is the most that it can have kept the request waiting.
 */
function watchHealth({ url, cpuMs }: ProcessorProcess) {
  const found = { asked: 0, failed: 0, slowestMs: 0, overSecond: 0, longestOwnMs: 0 };
  let stopped = false;
  const done = (async () => {
    while (!stopped) {
      const startedAt = performance.now();
      const cpuBefore = cpuMs();
      const answered = await isHealthy(url);
      const ms = performance.now() - startedAt;
      const ownMs = Math.min(ms, (cpuMs() ?? ms) - (cpuBefore ?? 0));
      found.asked++;
      if (!answered) found.failed++;
      if (ms > 1000) found.overSecond++;
      found.slowestMs = Math.max(found.slowestMs, ms);
      found.longestOwnMs = Math.max(found.longestOwnMs, ownMs);
      await new Promise((resolve) => setTimeout(resolve, HEALTH_EVERY_MS));
    }
    return found;
  })();
  return {
    stop: () => {
      stopped = true;
      return done;
    },
  };
}

it(
  "neither stops nor blocks the processor, and opens no file outside the run's folder",
  async () => {
    const inputOf = await malformedMedia(canaries.paths);
    const { processor } = sources;
    const health = watchHealth(processor);
    const apart = new ParsersApart();
    const slowest = { ms: 0, input: "" };
    const words = new Map<string, number>();
    const failures: string[] = [];
    const met = new Set<Promise<void>>();
    for (let index = FROM; index < FROM + INPUTS; index++) {
      const input = inputOf(SEED, index);
      const name = `${input.kind} --seed ${SEED} --from ${index} --inputs 1`;
      for (const parser of input.parsers) {
        try {
          const { ms } = await apart.read(parser, input.bytes);
          if (ms > slowest.ms) Object.assign(slowest, { ms, input: `${parser} of ${name}` });
        } catch (error) {
          failures.push(`${name}: ${error instanceof Error ? error.message : error}`);
        }
      }
      if (index % PROCESSOR_EVERY !== 0 && INPUTS !== 1) continue;
      while (met.size >= AT_ONCE) await Promise.race(met);
      const meeting = meet(sources, input, index).then(
        ({ answered, word }) => {
          words.set(`${input.kind}: ${word}`, (words.get(`${input.kind}: ${word}`) ?? 0) + 1);
          if (answered.includes(canaries.mark)) failures.push(`${name}: a file of this machine was reported`);
          if (/"code":"internal"|probe 500/.test(`${answered} ${word}`))
            failures.push(`${name}: ${word} ${answered}`);
        },
        (error: unknown) => void failures.push(`${name}: ${error}`),
      );
      const entry: Promise<void> = meeting.finally(() => met.delete(entry));
      met.add(entry);
    }
    await Promise.all(met);
    await apart.close();
    const { asked, failed, slowestMs, overSecond, longestOwnMs } = await health.stop();
    const peak = processor.peakBytes();
    console.log(
      [
        `${INPUTS} inputs of seed ${SEED} from ${FROM}; ${[...words.values()].reduce((sum, count) => sum + count, 0)} of them through a processor`,
        `slowest parser: ${Math.round(slowest.ms)} ms, ${slowest.input}`,
        `/healthz: asked ${asked} times, ${failed} without a response, slowest ${Math.round(slowestMs)} ms, ${overSecond} over a second; while one was awaited, the processor computed for ${Math.round(longestOwnMs)} ms at most`,
        `memory of the processor at most: ${peak === null ? "unknown" : `${Math.round(peak / 2 ** 20)} MiB`}`,
        `files that nobody may open: ${canaries.areWatched ? "watched" : "not watched by this file system"}`,
        ...[...words].sort().map(([word, count]) => `  ${count} × ${word}`),
      ].join("\n"),
    );
    expect(failures).toEqual([]);
    expect(failed).toBe(0);
    expect(processor.exitCode).toBeNull();
    expect(processor.log).not.toContain('"event":"crash"');
    expect(processor.log).not.toContain(canaries.mark);
    expect(await canaries.read()).toEqual([]);
    if (peak !== null) expect(peak).toBeLessThan(MAX_PROCESSOR_BYTES);
    await processor.stop();
    expect(await readdir(join(workFolder, "runs")).catch(() => [])).toEqual([]);
  },
  4 * 60 * 60_000,
);
