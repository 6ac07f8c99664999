import { beforeAll, describe, expect, it } from "vitest";
import type { Metadata } from "../../schema/api/probe.ts";
import type { ProbeOutcome } from "../../schema/wire/probe.ts";
import { Harness } from "./support/harness.ts";
import { busy, unreachable } from "./support/scripted-network.ts";

const media: Metadata = {
  title: "A talk",
  duration: 12.5,
  width: 1080,
  height: 1920,
  extractor: "generic",
  uploader: null,
  thumbnail: null,
  description: null,
  view_count: 7,
  like_count: null,
  upload_date: "20261101",
  filesize_approx: 1_000,
  is_live: false,
  formats: [],
};
const stream = {
  format_id: "18",
  extension: "mp4",
  video_codec: "h264",
  audio_codec: "aac",
  width: 1080,
  height: 1920,
  fps: 30,
  bitrate_kbps: 640,
  size: 1_000,
  language: "en",
};
const url = "https://media.example.com/watch";

const worker = new Harness();
let key: string;

beforeAll(async () => {
  ({ key } = await worker.account());
});

const PLANNED = {
  estimated_size: 1_000,
  audio_language: "en",
  audio_languages: ["en", "de"],
  adjustments: [],
};

function respond(outcome: ProbeOutcome): void {
  worker.network.onProbe = () => Response.json({ v: 1, outcome });
}
const found = (change: Partial<Metadata> = {}) =>
  respond({ type: "found", media: { ...media, ...change }, streams: [stream], ...PLANNED });
const refused = (
  code: "private" | "unsupported_url" | "network" | "rate_limited",
  retry: number | null = null,
) => respond({ type: "failed", code, retry_after_ms: retry });

const ask = (path: string, body: object = { url }) => worker.call("POST", path, { key, body });

describe("POST /metadata", () => {
  it("returns what the source reports", async () => {
    found();
    const response = await ask("/metadata");
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual(media);
    expect(worker.network.probes.at(-1)).toEqual({
      ...{ v: 1, kind: "metadata", url },
      cookies: { mode: "fallback", jar: null },
      exit: null,
    });
  });

  it("refuses a private host before it asks a processor", async () => {
    const before = worker.network.probes.length;
    const response = await ask("/metadata", { url: "http://127.0.0.1/a.mp4" });
    expect(response.status).toBe(400);
    expect(worker.network.probes).toHaveLength(before);
  });

  it.each(["private", "unsupported_url"] as const)("refuses with the sentence of a job: %s", async (code) => {
    refused(code);
    const response = await ask("/metadata");
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      code: "invalid_request",
      error: code === "private" ? "This media is private" : "No downloadable media was found at this URL",
    });
  });

  it("names a host that does not exist", async () => {
    respond({ type: "failed", code: "host_not_found", subject: "gone.example.org", retry_after_ms: null });
    const response = await ask("/metadata");
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: "The host name gone.example.org does not exist; check the URL",
    });
  });

  it("says when to come back when the source's trouble may pass, at the time that the source gives", async () => {
    refused("rate_limited", 90_000);
    const limited = await ask("/metadata");
    expect([limited.status, limited.headers.get("retry-after")]).toEqual([503, "90"]);
    refused("network");
    const broken = await ask("/metadata");
    expect([broken.status, broken.headers.get("retry-after")]).toEqual([503, "30"]);
  });

  it("answers 504 when the source took too long", async () => {
    worker.network.onProbe = () => new Response(null, { status: 504 });
    const response = await ask("/metadata");
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({ code: "probe_timeout" });
  });

  it("answers 503 when no processor has room or answers", async () => {
    worker.network.onProbe = busy(3);
    const full = await ask("/metadata");
    expect([full.status, full.headers.get("retry-after")]).toEqual([503, "3"]);
    worker.network.onProbe = unreachable;
    const away = await ask("/metadata");
    expect([away.status, away.headers.get("retry-after")]).toEqual([503, "5"]);
  });

  it("requires a key", async () => {
    expect((await worker.call("POST", "/metadata", { body: { url } })).status).toBe(401);
  });
});

describe("POST /is-short", () => {
  it.each([
    [
      { width: 1080, height: 1920 },
      { is_short: true, video_type: "short", aspect_ratio: 1.7778 },
    ],
    [
      { width: 1920, height: 1080 },
      { is_short: false, video_type: "video", aspect_ratio: 0.5625 },
    ],
    [
      { width: 720, height: 720 },
      { is_short: false, video_type: "video", aspect_ratio: 1 },
    ],
    [
      { width: null, height: null },
      { is_short: false, video_type: "video", aspect_ratio: null },
    ],
    [{ is_live: true }, { is_short: true, video_type: "live" }],
  ])("classifies %o", async (change, verdict) => {
    found(change);
    const response = await ask("/is-short");
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ ...verdict, duration_seconds: 12.5 });
  });
});

describe("POST /jobs/plan", () => {
  it("reports the streams that a job would fetch and how large the result may be", async () => {
    found();
    const plan = await worker.json("POST", "/jobs/plan", { key, body: { url, max_resolution: 720 } });
    expect(plan).toMatchObject({
      plan: { max_resolution: 720 },
      title: "A talk",
      duration: 12.5,
      streams: [stream],
      estimated_size: 1_000,
      source_error: null,
    });
    expect(worker.network.probes.at(-1)).toMatchObject({ kind: "plan", plan: { max_resolution: 720 } });
  });

  it("answers without streams when no processor answers", async () => {
    worker.network.onProbe = unreachable;
    const plan = await worker.json("POST", "/jobs/plan", { key, body: { url } });
    expect(plan).toMatchObject({
      plan: { format: "mp4" },
      streams: null,
      estimated_size: null,
      source_error: { code: null, error: "A part of the service is not available right now" },
    });
  });

  it("answers 504 when the source took too long", async () => {
    worker.network.onProbe = () => new Response(null, { status: 504 });
    const response = await ask("/jobs/plan");
    expect([response.status, await response.json()]).toMatchObject([504, { code: "probe_timeout" }]);
  });

  it("says how a job would end", async () => {
    refused("private");
    const plan = await worker.json("POST", "/jobs/plan", { key, body: { url } });
    expect(plan).toMatchObject({
      streams: null,
      source_error: { code: "private", error: "This media is private" },
    });
  });
});
