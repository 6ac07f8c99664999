import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { JOB_ERRORS } from "../../schema/errors.ts";
import { ProcessorHealth } from "../../schema/wire/run.ts";
import { CANARY, canaryWave, hostileDocuments, movieWithReference } from "../support/hostile-documents.ts";
import { mediaFolder } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { type ProcessorBench, startProcessorBench } from "../support/processor.ts";

/** Complete runs with sources that send documents naming files instead of media, images, subtitles and segments. */

let origin: Origin;
let bench: ProcessorBench;
let folder: string;
let trap: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hostile-runs-"));
  trap = join(folder, "trap.wav");
  await writeFile(trap, canaryWave());
  origin = await startOrigin({ root: await mediaFolder({ "direct.mp4": ["mp4"] }) });
  bench = await startProcessorBench([origin.host]);
}, 60_000);

afterAll(async () => {
  await bench.close();
  await origin.close();
  await rm(folder, { recursive: true, force: true });
});

/** One document of each kind, with every way to name a file among them. */
const documents = () => hostileDocuments(trap).filter((_, i) => i % 15 === 0);

/** Runs a job; nothing that is delivered may contain any of the trap. */
async function run(
  path: string,
  ...rest: [Parameters<ProcessorBench["run"]>[1]?, Parameters<ProcessorBench["run"]>[2]?]
) {
  const outcome = await bench.run(`${origin.url}${path}`, ...rest);
  const keys =
    outcome.type === "completed"
      ? [
          outcome.delivery.key,
          outcome.delivery.thumbnail_key,
          ...outcome.delivery.subtitles.map(({ key }) => key),
        ]
      : [];
  for (const key of keys) {
    const object = key === null ? null : await bench.object(key);
    expect(object?.includes(CANARY) ?? false).toBe(false);
  }
  expect(await bench.remainingFiles()).toEqual([]);
  return outcome;
}

describe("a source that sends a document instead of media", { timeout: 120_000 }, () => {
  it.each(["without ranges", "with ranges"])(
    "%s fails with a proper message, at the first attempt",
    async (how) => {
      for (const [i, { name, bytes }] of documents().entries()) {
        const path = `/${how.replace(" ", "-")}-${i}.mp4`;
        origin.put(path, bytes);
        origin.behave(path, { noRanges: how === "without ranges" });
        const outcome = await run(path);
        if (outcome.type !== "failed") throw new Error(`${name} was delivered`);
        expect(JOB_ERRORS[outcome.code], `${name}: ${outcome.code}`).toMatchObject({ retry: "never" });
      }
    },
  );

  it("delivers nothing of a file that a track refers to", async () => {
    origin.put("/reference.mp4", movieWithReference(trap));
    origin.behave("/reference.mp4", { noRanges: true });
    await run("/reference.mp4");
    await run("/reference.mp4", { audio_only: true });
  });

  it("delivers nothing of a file that an HLS segment refers to", async () => {
    for (const [i, { name, bytes }] of documents().entries()) {
      if (i % 3 !== 0) continue;
      origin.put(`/${i}.ts`, bytes);
      origin.put(
        `/segments-${i}.m3u8`,
        Buffer.from(`#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n/${i}.ts\n#EXT-X-ENDLIST\n`),
      );
      expect(await run(`/segments-${i}.m3u8`), name).toMatchObject({ type: "failed" });
    }
  });
});

describe("a source that sends a document instead of a thumbnail", { timeout: 120_000 }, () => {
  it("is delivered without a thumbnail", async () => {
    for (const [i, { name, bytes }] of documents().entries()) {
      if (i % 3 !== 1) continue;
      origin.put(`/picture-${i}.jpg`, bytes);
      const page = `<meta property="og:video" content="/direct.mp4"><meta property="og:image" content="/picture-${i}.jpg">`;
      origin.put(`/page-${i}.html`, Buffer.from(page));
      const outcome = await run(`/page-${i}.html`, {}, { thumbnail: true, filename: `page-${i}` });
      if (outcome.type !== "completed") throw new Error(`${name} failed the run`);
      expect(outcome.delivery.thumbnail_key, name).toBeNull();
      expect(outcome.delivery.adjustments.map(({ field }) => field)).toEqual(["download_thumbnail"]);
    }
  });
});

describe("the processor's health", () => {
  it("reports which isolation of its tools is in force", async () => {
    const response = await bench.processor.app.request("/healthz");
    const { isolation } = ProcessorHealth.parse(await response.json());
    // without isolation of files, there is none of the rest
    if (!isolation.files) expect(isolation).toMatchObject({ network: false, signals: false });
    const kernel = await readFile("/proc/sys/kernel/osrelease", "utf8").catch(() => "0");
    const [major = 0, minor = 0] = kernel.split(".").map(Number);
    // an old kernel cannot isolate; on a new one, isolation may still be turned off
    if (major * 100 + minor < 513) expect(isolation.files).toBe(false);
  });
});
