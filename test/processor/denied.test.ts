import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { mediaFolder } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { type ProcessorBench, startProcessorBench } from "../support/processor.ts";

/** What runs report of whose media they read, so that the Worker can refuse it before anything is visible. */

vi.setConfig({ testTimeout: 120_000 });

let origin: Origin;
let bench: ProcessorBench;

beforeAll(async () => {
  const root = await mediaFolder({ "film.mp4": ["mp4", { seconds: 2, width: 320, height: 180 }] });
  origin = await startOrigin({ root });
  bench = await startProcessorBench([origin.host]);
}, 120_000);
afterAll(async () => {
  await bench.close();
  await origin.close();
});

const identitiesOf = (job: string) => bench.worker.identities.filter(({ jobId }) => jobId === job);

it.each([
  ["stays as it is", {}],
  ["is written anew", { format: "mkv" }],
  ["is encoded", { audio_only: true, format: "mp3" }],
] as const)("a file that %s is reported with its hash before it is visible", async (_, request) => {
  const url = `${origin.url}/film.mp4?${JSON.stringify(request).length}`;
  const job = await bench.submit(url, request);
  const outcome = await bench.worker.outcome(job);
  if (outcome.type !== "completed") throw new Error(JSON.stringify(outcome));
  const [reported, ...others] = identitiesOf(job);
  expect(others).toEqual([]);
  const bytes = await bench.object(outcome.delivery.key);
  const sha256 = createHash("sha256")
    .update(bytes ?? "")
    .digest("hex");
  expect(reported).toMatchObject({ kind: "publish", sha256 });
  expect(outcome.delivery.sha256).toBe(sha256);
  expect(reported?.identity?.urls).toContain(url);
  expect(reported?.identity).toMatchObject({ extractor: "generic", media: null });
});

it("a source is reported before it is fetched where the Worker asks for it, and a refused one is not fetched", async () => {
  const url = `${origin.url}/film.mp4?refused`;
  bench.worker.failNext("source", 409);
  const before = bench.worker.uploads.length;
  const job = await bench.submit(url, {}, { reports_source: true });
  await vi.waitFor(() => {
    const ended = bench.logs.find(({ event, job_id }) => event === "run" && job_id === job);
    if (!ended) throw new Error("the run has not ended");
  }, 30_000);
  expect(identitiesOf(job)).toEqual([]);
  expect(bench.worker.uploads.length).toBe(before);
  expect(bench.worker.published).not.toContain(job);
});

it("a file that the Worker refuses to publish is not there", async () => {
  bench.worker.failNext("publish", 409);
  const job = await bench.submit(`${origin.url}/film.mp4?unpublished`, {}, { filename: "refused" });
  await vi.waitFor(() => {
    const ended = bench.logs.find(({ event, job_id }) => event === "run" && job_id === job);
    if (!ended) throw new Error("the run has not ended");
  }, 30_000);
  expect(await bench.object("videos/refused.mp4")).toBeNull();
  expect(await bench.remainingFiles()).toEqual([]);
});
