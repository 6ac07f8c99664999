import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { isSameVersion } from "../../processor/stages/reuse/ask-version.ts";
import type { Delivery } from "../../schema/wire/callback.ts";
import type { DeliveredFile, RunRequest } from "../../schema/wire/run.ts";
import { mediaFolder } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { type ProcessorBench, startProcessorBench } from "../support/processor.ts";

/** Runs that copy what an earlier job delivered, on a real bucket, and what they do when that is not possible. */

vi.setConfig({ testTimeout: 120_000 });

let origin: Origin;
let bench: ProcessorBench;

beforeAll(async () => {
  const root = await mediaFolder({ "film.mp4": ["mp4", { seconds: 4, width: 320, height: 180 }] });
  origin = await startOrigin({ root });
  bench = await startProcessorBench([origin.host]);
}, 120_000);
afterAll(async () => {
  await bench.close();
  await origin.close();
});

const film = (name = "film") => `${origin.url}/film.mp4?${name}`;
const sha256 = (bytes: Buffer | null) =>
  createHash("sha256")
    .update(bytes ?? "")
    .digest("hex");
const sent = () => [...origin.bytes.values()].reduce((sum, bytes) => sum + bytes, 0);

async function run(url: string, change: Partial<RunRequest>): Promise<Delivery> {
  const outcome = await bench.run(url, {}, { reuse: { file: null }, ...change });
  if (outcome.type !== "completed") throw new Error(JSON.stringify(outcome));
  return outcome.delivery;
}
/** Delivers a file and returns what the Worker would know of it. */
async function deliver(filename: string, url = film()): Promise<DeliveredFile> {
  const delivery = await run(url, { filename });
  return { job_id: crypto.randomUUID(), delivery, recent: true };
}
const copy = (
  file: DeliveredFile,
  filename: string | null,
  change: Partial<RunRequest> = {},
): Promise<Delivery> => run(film(), { filename, reuse: { file }, ...change });

/** Why a file must not be copied, and how that comes about. */
const SPOILT: [string, (file: DeliveredFile) => void, Partial<RunRequest>][] = [
  ["the earlier job no longer owns it", (file) => void bench.worker.lost.add(file.job_id), {}],
  [
    "it has another length",
    ({ delivery }) => Object.assign(delivery, { file_size: delivery.file_size + 1 }),
    {},
  ],
  ["it is gone", ({ delivery }) => Object.assign(delivery, { key: "videos/gone.mp4" }), {}],
  [
    "the source has another version",
    ({ delivery }) => {
      const version = { etag: '"other"', last_modified: null, size: delivery.file_size };
      Object.assign(delivery, { source: { media: null, name: "film", version } });
    },
    {},
  ],
  [
    "it is old, and the source does not state a version",
    (file) => {
      Object.assign(file, { recent: false });
      Object.assign(file.delivery, { source: { media: null, name: "film", version: null } });
    },
    {},
  ],
  [
    "a limit is lower now",
    ({ delivery }) => Object.assign(delivery, { duration: 100_000 }),
    { limits: { max_filesize_bytes: null, max_duration_seconds: 1000 } },
  ],
];

describe("a run with a file of an earlier job", () => {
  it("copies it without reading the source, under its own name", async () => {
    const file = await deliver("first");
    expect(file.delivery.source).toMatchObject({
      ...{ media: null, version: { etag: expect.any(String), size: file.delivery.file_size } },
      name: expect.stringMatching(/^film-?/),
    });
    const before = sent();
    const copied = await copy(file, "second");
    expect(sent()).toBe(before);
    expect(copied).toMatchObject({
      ...{ key: "videos/second.mp4", strategy: "copy", details: { copied_from: file.job_id } },
      ...{ sha256: file.delivery.sha256, file_size: file.delivery.file_size, title: file.delivery.title },
      ...{ duration: file.delivery.duration, native_video_codec: "h264", source: file.delivery.source },
    });
    expect(sha256(await bench.object("videos/second.mp4"))).toBe(file.delivery.sha256);
    expect(sha256(await bench.object("videos/first.mp4"))).toBe(file.delivery.sha256);
    expect(await bench.s3.unfinishedUploads()).toEqual([]);
  });

  it("uses the name that the source gives, where the caller gives none", async () => {
    const file = await deliver("named");
    const copied = await copy(file, null);
    expect(copied.key).toBe(`videos/${file.delivery.source?.name}.mp4`);
  });

  it("takes the file over where both have the same key", async () => {
    const file = await deliver("same");
    const uploads = bench.worker.uploads.length;
    expect(await copy(file, "same")).toMatchObject({ key: file.delivery.key, strategy: "copy" });
    expect(bench.worker.uploads.slice(uploads)).toMatchObject([{ key: file.delivery.key, ref: "link" }]);
    expect(sha256(await bench.object(file.delivery.key))).toBe(file.delivery.sha256);
  });

  it("copies subtitles and thumbnail next to it", async () => {
    const file = await deliver("with-extras");
    // two small objects of the bucket play them
    const other = await deliver("with-extras.en");
    const extra = { ...file.delivery, subtitles: [{ language: "en", key: other.delivery.key }] };
    const key = "videos/with-extras.en.mp4";
    expect(other.delivery.key).toBe(key);
    const copied = await copy(
      { ...file, delivery: { ...extra, subtitle_key: key, thumbnail_key: key } },
      "moved",
    );
    expect(copied).toMatchObject({
      ...{ subtitle_key: "videos/moved.en.mp4", thumbnail_key: "videos/moved.en.mp4" },
      subtitles: [{ language: "en", key: "videos/moved.en.mp4" }],
    });
    expect(sha256(await bench.object("videos/moved.en.mp4"))).toBe(other.delivery.sha256);
  });

  it.each(SPOILT)("fetches the media if %s, and leaves no unfinished copy", async (name, spoil, change) => {
    const file = await deliver(`spoilt ${name}`);
    const bytes = await bench.object(file.delivery.key);
    spoil(file);
    const before = sent();
    const fetched = await copy(file, `instead ${name}`, change);
    expect(fetched).toMatchObject({ strategy: "ranges", sha256: sha256(bytes) });
    expect(sent()).toBeGreaterThan(before);
    expect(bench.logs).toContainEqual(expect.objectContaining({ event: "not_copied" }));
    expect(await bench.s3.unfinishedUploads()).toEqual([]);
  });

  it("publishes nothing after it lost its job", async () => {
    const file = await deliver("taken");
    const id = await bench.submit(film(), {}, { filename: "never", reuse: { file }, predecessor: null });
    bench.worker.disown(id);
    await bench.processor.settled();
    expect(await bench.object("videos/never.mp4")).toBeNull();
    expect(await bench.s3.unfinishedUploads()).toEqual([]);
  });
});

describe("a run without one", () => {
  it("asks by the checksum that the source states, and describes the file as its own source does", async () => {
    const file = await deliver("original");
    const { sha256: hash = null } = file.delivery;
    if (hash === null) throw new Error("the file has no hash");
    const digest = Buffer.from(hash, "hex").toString("base64");
    origin.behave("/film.mp4", { headers: { "repr-digest": `sha-256=:${digest}:` } });
    bench.worker.known.set(hash, file);
    const copied = await run(film("mirror"), { filename: "mirrored" });
    expect(copied).toMatchObject({
      strategy: "copy",
      key: "videos/mirrored.mp4",
      sha256: hash,
    });
    // extras would be those of another source
    const own = await run(film("mirror"), { filename: "own", thumbnail: true });
    expect(own.strategy).not.toBe("copy");
    origin.behave("/film.mp4", {});
  });

  it("reports nothing about its source where no file may be copied", async () => {
    const outcome = await bench.run(film(), {}, { filename: "plain" });
    expect(outcome.type === "completed" && outcome.delivery.source).toBeUndefined();
  });
});

describe("two responses about a direct link", () => {
  const of = (etag: string | null, last_modified: string | null, size: number | null) => ({
    etag,
    last_modified,
    size,
  });
  it.each([
    ["equal tags", of('"a"', null, 5), of('"a"', "x", 5), true],
    ["other tags", of('"a"', null, 5), of('"b"', null, 5), false],
    [
      "other tags of the same time, as networks of servers have them",
      of('"a"', "x", 5),
      of('"b"', "x", 5),
      true,
    ],
    ["equal times", of(null, "x", 5), of(null, "x", null), true],
    ["other times", of(null, "x", 5), of(null, "y", 5), false],
    ["equal tags of other sizes", of('"a"', null, 5), of('"a"', null, 6), false],
    ["nothing but the size", of(null, null, 5), of(null, null, 5), null],
    ["nothing", of(null, null, null), of('"a"', null, 5), null],
  ])("with %s", (_, known, now, same) => {
    expect(isSameVersion(known, now)).toBe(same);
  });
});
