import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import type { ErrorBody } from "../../schema/api/error.ts";
import { JOB_MEMBERS } from "../../schema/api/job-request.ts";
import { readText } from "../../worker/lib/body.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";

let worker: Harness;
let accountId: string;
let key: string;

beforeEach(async () => {
  worker = new Harness();
  ({ id: accountId, key } = await worker.account());
});

const url = "https://media.example.com/a.mp4";
const post = (body: unknown, headers = {}) => worker.call("POST", "/jobs", { key, body, headers });
const pairs = (count: number, value = "x") =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`key ${index}`, value]));

describe("an invalid request", () => {
  it.each([
    [{}, "url", "url is required"],
    [{ url: 7 }, "url", "url must be a string"],
    [{ url: "" }, "url", "url must not be empty"],
    [{ url: "ftp://example.com/a" }, "url", "url must be an http or https URL with a host"],
    [{ url: `https://example.com/${"a".repeat(2048)}` }, "url", "url must be at most 2048 characters"],
    [{ url: "http://127.0.0.1/a" }, "url", "url must be a public address (loopback address)"],
    [{ url: "http://2130706433/a" }, "url", "url must be a public address (loopback address)"],
    [{ url: "http://0x7f.1/a" }, "url", "url must be a public address (loopback address)"],
    [
      { url: "http://[::ffff:169.254.169.254]/" },
      "url",
      "url must be a public address (cloud metadata address)",
    ],
    [{ url: "http://localhost:8080/a" }, "url", "url must be a public address (internal host name)"],
    [
      { url, webhook_url: "http://10.0.0.1/" },
      "webhook_url",
      "webhook_url must be a public address (private address)",
    ],
    [{ url, clip_start: 10, clip_end: "00:09" }, "clip_end", "clip_end must be greater than clip_start"],
    [{ url, clip_start: "1:99" }, "clip_start", "clip_start must be HH:MM:SS, MM:SS or seconds"],
    [{ url, folder: "a".repeat(201) }, "folder", "Folder name too long (max 200 characters)"],
    [{ url, folder: "a/../b" }, "folder", "folder must not contain .."],
    [{ url, filename: "a/b" }, "filename", "filename must not contain .., / or \\"],
    [
      { url, folder: "\ud83d" },
      "folder",
      "folder must not contain half of a character (an unpaired surrogate)",
    ],
    [
      { url, filename: "\ude00" },
      "filename",
      "filename must not contain half of a character (an unpaired surrogate)",
    ],
    [{ url, video_quality: 52 }, "video_quality", "video_quality must be a whole number from 0 to 51"],
    [{ url, video_codec: "av2" }, "video_codec", "video_codec must be one of copy, h264, h265, vp9"],
    [
      { url, max_resolution: "721" },
      "max_resolution",
      "max_resolution must be best, 2160, 1440, 1080, 720, 480 or 360",
    ],
    [{ url, subtitle_languages: ["??"] }, "subtitle_languages.0", /BCP 47/],
    [
      { url, max_duration: 0 },
      "max_duration",
      "max_duration must be a whole number of seconds, from 1 to 43200",
    ],
    [{ url, audio_only: "yes" }, "audio_only", "audio_only must be true or false"],
    [{ url, webhook_events: [] }, "webhook_events", /^webhook_events must name an event type/],
    [
      { url, webhook_events: ["done"] },
      "webhook_events.0",
      /^webhook_events\.0 must be one of job_completed/,
    ],
    [{ url, metadata: { a: 1 } }, "metadata.a", "metadata.a must be a string"],
    [{ url, metadata: ["a"] }, "metadata", "metadata must be a JSON object of strings"],
    [{ url, metadata: { a: "x".repeat(501) } }, "metadata.a", "metadata.a must be at most 500 characters"],
    [{ url, metadata: { ["k".repeat(41)]: "x" } }, "metadata", /keys of 1 to 40 characters/],
    [{ url, metadata: { "": "x" } }, "metadata", /keys of 1 to 40 characters/],
    [{ url, metadata: pairs(17) }, "metadata", "metadata must have at most 16 pairs"],
    [{ url, metadata: pairs(16, "\u20ac".repeat(500)) }, "metadata", /at most 10000 bytes as JSON/],
    [{ url, storage: { provider: "ftp" } }, "storage.provider", /s3, blob, gcs, oss/],
    ["[1]", "body", "body must be a JSON object"],
    ["{", "body", "body must be valid JSON"],
    ["", "body", "body is required"],
    [new TextDecoder("latin1").decode(new Uint8Array([34, 255, 34])), "body", /JSON object/],
  ])("is refused with what is wrong: %j", async (body, path, error) => {
    const response = await post(body);
    expect(response.status).toBe(400);
    const refusal = await response.json<ErrorBody>();
    expect(refusal.code).toBe("invalid_request");
    expect(refusal.issues?.[0]?.path).toBe(path);
    expect(refusal.error).toEqual(typeof error === "string" ? error : expect.stringMatching(error));
  });

  it("is refused with every field at fault", async () => {
    const { issues } = await (await post({ url: 1, format: 2, folder: "../x" })).json<ErrorBody>();
    expect(issues?.map(({ path }) => path)).toEqual(["url", "format", "folder"]);
  });

  it("never gets a server error, whatever the body", async () => {
    const member = fc.oneof(fc.jsonValue(), fc.string({ unit: "binary" }), fc.webUrl());
    const body = fc.dictionary(fc.constantFrom(...JOB_MEMBERS, "x", "__proto__"), member);
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.jsonValue(), body), fc.webUrl(), async (value, webUrl) => {
        const sent =
          typeof value === "object" && value !== null && !Array.isArray(value)
            ? { url: webUrl, ...value }
            : value;
        const response = await post(JSON.stringify(sent));
        const result = await response.json<ErrorBody & { job_id: string }>();
        expect([201, 400]).toContain(response.status);
        if (response.status === 400) expect(result.issues?.length).toBeGreaterThan(0);
        else expect((await worker.job(key, result.job_id)).id).toBe(result.job_id);
      }),
      { numRuns: 400 },
    );
  });

  it("is refused with a body over 64 KiB, declared or not", async () => {
    const body = JSON.stringify({ url, x: "x".repeat(64 * 1024) });
    const response = await post(body);
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ code: "payload_too_large" });
    expect((await post(body, { "content-length": "10" })).status).toBe(413);
  });

  it("is refused whatever content type its body declares", async () => {
    for (const type of ["", "application/x-www-form-urlencoded", "text/plain", "application/problem+json"]) {
      const headers = { "content-type": type };
      expect((await post({ url }, headers)).status, type).toBe(201);
      expect((await (await post("{", headers)).json<ErrorBody>()).error).toBe("body must be valid JSON");
      expect((await (await post("null", headers)).json<ErrorBody>()).error).toBe(
        "body must be a JSON object",
      );
      expect(
        (await (await post({ url, folders: "a", format: 1 }, headers)).json<ErrorBody>()).issues,
      ).toEqual([expect.objectContaining({ path: "format" })]);
    }
  });

  it("with a body that is no UTF-8, or breaks off in a character, leaves nothing to the next request", async () => {
    const read = (bytes: Uint8Array) => {
      const body = new Uint8Array(bytes);
      const headers = { "content-length": `${body.byteLength}` };
      return readText(new Request("https://waterspout.example/", { method: "POST", body, headers }), 1_000);
    };
    const text = '{"a":"ü"}';
    const bytes = new TextEncoder().encode(text);
    for (const wrong of [Uint8Array.of(0xff), bytes.slice(0, -3)]) {
      await expect(read(wrong)).rejects.toMatchObject({ code: "invalid_request" });
      expect(await read(bytes)).toBe(text);
    }
  });

  it("is judged by the first value of a repeated query parameter", async () => {
    const list = (query: string) => worker.call("GET", `/jobs?${query}`, { key });
    expect((await list("status=completed&status=x")).status).toBe(200);
    const response = await list("status=x&status=completed");
    expect(response.status).toBe(400);
    expect((await response.json<ErrorBody>()).issues?.map(({ path }) => path)).toEqual(["status"]);
  });
});

describe("a request that is valid", () => {
  it("is visible at once, echoes what was sent without storage, and drops unknown members", async () => {
    const id = await worker.create(key, {
      folder: "talks",
      max_resolution: "720p",
      clip_start: "00:10",
      x: 1,
      filename: null,
    });
    const job = await worker.job(key, id);
    expect(job).toMatchObject({
      status: "Pending",
      folder: "talks",
      max_resolution: "720p",
      clip_start: "00:10",
    });
    expect(job.requested_quality).toBe("720p");
    expect(job).not.toHaveProperty("x");
    expect(job).not.toHaveProperty("filename");
  });

  it("takes one round trip with a known key, and so does reading it", async () => {
    await worker.create(key);
    const id = await worker.create(key);
    expect(worker.logs.at(-1)).toMatchObject({ route: "/jobs", method: "POST", d1_calls: 1 });
    await worker.job(key, id);
    expect(worker.logs.at(-1)).toMatchObject({ route: "/jobs/:id", d1_calls: 1 });
  });

  it("gets a response that names what was corrected and what this version leaves out", async () => {
    const response = await post({
      url,
      format: "webm",
      video_codec: "h264",
      paused: true,
    });
    expect(response.status).toBe(201);
    expect((await response.json<{ adjustments: unknown }>()).adjustments).toEqual([
      { field: "video_codec", from: "h264", to: "vp9", reason: "webm holds VP8, VP9 or AV1" },
      { field: "paused", from: true, to: null, reason: "only batches can be paused" },
    ]);
  });

  it("can be planned without creating a job", async () => {
    const body = { url, format: "mp3", folder: " a//b ", filename: "song" };
    expect(await worker.json("POST", "/jobs/plan", { key, body })).toMatchObject({
      plan: { format: "mp3", audio_only: true },
      adjustments: [],
      storage_provider: "s3",
      folder: `${accountId}/videos/a/b`,
      filename: "song",
    });
    expect(await worker.json("GET", "/jobs", { key })).toMatchObject({ total: 0 });
    expect(worker.dispatchQueue).toHaveLength(0);
  });

  it("may name a private host that the operator allowed, and only on that port", async () => {
    const opened = new Harness({ ALLOWED_PRIVATE_HOSTS: "127.0.0.1:9000" });
    const { key } = await opened.account();
    const ask = (target: string) => opened.call("POST", "/jobs", { key, body: { url: target } });
    expect((await ask("http://127.0.0.1:9000/a.mp4")).status).toBe(201);
    expect((await ask("http://127.0.0.1:9001/a.mp4")).status).toBe(400);
  });

  it("gets ids in the order of creation", async () => {
    const ids: string[] = [];
    for (let i = 0; i < 20; i++) ids.push(await worker.create(key));
    expect(ids.toSorted()).toEqual(ids);
  });
});

describe("responses", () => {
  it("carry the caller's request id when it is valid, and a new one when not", async () => {
    const idOf = async (id: string) =>
      (await worker.call("GET", "/healthz", { headers: { "x-request-id": id } })).headers.get("x-request-id");
    expect(await idOf("trace-0123.abc")).toBe("trace-0123.abc");
    expect(await idOf("a b")).toMatch(/^[0-9a-f-]{36}$/);
    expect(await idOf("x".repeat(200))).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("carry refusals as RFC 9457 when asked for", async () => {
    const response = await post({}, { accept: "application/problem+json" });
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({
      type: "urn:waterspout:error:invalid_request",
      status: 400,
      detail: "url is required",
      issues: [{ path: "url", message: "is required" }],
    });
  });

  it("carry a bookmark that a reader may send back; a forged one does no harm", async () => {
    const created = await post({ url });
    const bookmark = created.headers.get("x-waterspout-bookmark") ?? "";
    expect(bookmark).toMatch(/^[0-9a-f-]{59}$/);
    const { job_id } = await created.json<{ job_id: string }>();
    for (const sent of [bookmark, "garbage", "'"]) {
      const response = await worker.call("GET", `/jobs/${job_id}`, {
        key,
        headers: { "x-waterspout-bookmark": sent },
      });
      expect(response.status).toBe(200);
    }
  });

  it("reveal nothing of an exception", async () => {
    worker.services.keys.get = () => {
      throw new Error("secret words");
    };
    const response = await post({ url });
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("secret words");
    expect(JSON.stringify(worker.logs.at(-1))).toContain("secret words");
  });

  it("say that the database is down, and when to come back", async () => {
    await worker.create(key);
    await env.DB.exec("alter table jobs rename to hidden");
    try {
      const response = await post({ url });
      expect(response.status).toBe(503);
      expect(response.headers.get("retry-after")).toBe("5");
      expect(await response.json()).toMatchObject({ code: "dependency_unavailable" });
    } finally {
      await env.DB.exec("alter table hidden rename to jobs");
    }
  });

  it("leave one log line without URLs, query strings and keys", async () => {
    worker.logs.length = 0;
    await post({ url: "https://media.example.com/a.mp4?token=canary" });
    expect(worker.logs).toHaveLength(1);
    expect(worker.logs[0]).toMatchObject({ event: "request", status: 201, route: "/jobs" });
    const line = JSON.stringify(worker.logs);
    expect(line).not.toContain("canary");
    expect(line).not.toContain("media.example.com");
    expect(line).not.toContain(key);
  });
});
