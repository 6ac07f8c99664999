import { beforeEach, expect, it } from "vitest";
import { delivery } from "./support/delivery.ts";
import { Harness } from "./support/harness.ts";

const EXTRAS = {
  ...delivery,
  key: "videos/a.mp4",
  subtitle_key: "videos/a.en.vtt",
  thumbnail_key: "videos/a.jpg",
  subtitles: [
    { language: "en", key: "videos/a.en.vtt" },
    { language: "pt-BR", key: "videos/a.pt-BR.vtt" },
  ],
  clip: { start: 4.25, duration: 10.04 },
};

let worker: Harness;
let key: string;
let jobId: string;

beforeEach(async () => {
  worker = new Harness();
  ({ key } = await worker.account());
  const run = await worker.start(key, { download_subtitles: true, download_thumbnail: true, clip_start: 5 });
  jobId = run.job_id;
  await worker.report(run, "outcome", { outcome: { type: "completed", delivery: EXTRAS } });
});

it("a job reports the files next to its file and the exact bounds of its clip", async () => {
  const job = await worker.job(key, jobId);
  expect(job).toMatchObject({
    clip_start: 5,
    actual_clip_start: 4.25,
    actual_clip_duration: 10.04,
    subtitle_key: "videos/a.en.vtt",
    thumbnail_key: "videos/a.jpg",
    subtitles: [{ language: "en" }, { language: "pt-BR", key: "videos/a.pt-BR.vtt" }],
  });
  for (const link of [job.subtitle_url, job.thumbnail_url, ...job.subtitles.map(({ url }) => url)]) {
    expect(new URL(link ?? "").searchParams.get("X-Amz-Signature")).toMatch(/^[0-9a-f]{64}$/);
  }
});

it("deleting the file deletes everything next to it", async () => {
  worker.network.calls.length = 0;
  await worker.json("DELETE", `/jobs/${jobId}/file`, { key });
  expect(worker.network.calls.toSorted()).toEqual(
    ["a.en.vtt", "a.jpg", "a.mp4", "a.pt-BR.vtt"].map(
      (name) => `DELETE storage.example/media/videos/${name}`,
    ),
  );
  expect(await worker.job(key, jobId)).toMatchObject({
    ...{ s3_url: null, subtitle_url: null, thumbnail_url: null, subtitles: [] },
    actual_clip_start: 4.25,
  });
});
