import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createClient } from "../../schema/client.ts";
import { mediaFolder } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { type OtlpCollector, startOtlpCollector } from "../support/otlp-collector.ts";
import { startTestStack, type TestStack } from "../support/test-stack.ts";

/** The main flows as a client of the API sees them, on the stack that `npm start` runs. */

let origin: Origin;
let collector: OtlpCollector;
let stack: TestStack;

beforeAll(async () => {
  const root = await mediaFolder({
    "direct.mp4": ["mp4"],
    hls: ["hls-ts"],
    dash: ["dash"],
    "long.mp4": ["mp4", { seconds: 20, width: 640, height: 360 }],
  });
  origin = await startOrigin({ root });
  collector = await startOtlpCollector("of the tests");
  stack = await startTestStack({
    env: {
      ALLOWED_PRIVATE_HOSTS: origin.host,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20of%20the%20tests",
    },
  });
}, 120_000);

afterAll(async () => {
  await stack.stop();
  await origin.close();
  await collector.close();
});

describe("a job", () => {
  it.each([
    ["a progressive file", "/direct.mp4", "ranges"],
    ["HLS", "/hls/index.m3u8", "hls"],
    ["DASH with split streams", "/dash/index.mpd", "dash"],
    ["a page with metadata", "/page.html", "ranges"],
  ])("delivers %s and gives a link that plays", async (_, path, strategy) => {
    const job = await stack.end(await stack.create({ url: origin.url + path }));
    expect(job).toMatchObject({
      status: "Completed",
      step: "Finished",
      progress: 100,
      error: null,
      attempt: 1,
    });
    expect(job.download_strategy).toBe(strategy);
    const file = await fetch(job.s3_url ?? "");
    const bytes = Buffer.from(await file.arrayBuffer());
    expect(file.headers.get("content-type")).toBe("video/mp4");
    expect(bytes.length).toBe(job.file_size);
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(job.sha256);
  });

  it.each([
    ["a file that is not there", "/status/404", "Warning", "unavailable"],
    ["a page without media", "/empty.html", "Failed", "unsupported_url"],
    ["a redirect to a private address", "/redirect?to=http://127.0.0.1:1/x.mp4", "Failed", "egress_blocked"],
  ])("reports correctly on %s", async (_, path, status, code) => {
    const job = await stack.end(await stack.create({ url: origin.url + path }));
    expect(job).toMatchObject({ status, error_code: code, s3_url: null, s3_key: null });
    expect(job.error).toMatch(/^[A-Z][^\n]{20,140}$/);
    expect(job.error).not.toMatch(/yt-dlp|ffmpeg|traceback|\/tmp|127\.0\.0\.1/i);
  });

  it("detects a truncated file and says that it is incomplete", async () => {
    const whole = await fetch(`${origin.url}/direct.mp4`).then((response) => response.arrayBuffer());
    origin.put("/cut.mp4", Buffer.from(whole).subarray(0, whole.byteLength / 2));
    const job = await stack.end(await stack.create({ url: `${origin.url}/cut.mp4` }));
    expect(job).toMatchObject({
      status: "Failed",
      error_code: "truncated",
      error: expect.stringContaining("incomplete"),
    });
  });

  it("is visible to the very next request, always", async () => {
    const ids = await Promise.all(
      Array.from({ length: 40 }, async () => {
        const id = await stack.create({ url: `${origin.url}/status/404` });
        return { id, status: (await stack.call("GET", `/jobs/${id}`)).status };
      }),
    );
    expect(ids.filter(({ status }) => status !== 200)).toEqual([]);
    for (const { id } of ids) expect((await stack.end(id)).error_code).toBe("unavailable");
  });

  it("is cancelled while it runs: tools end, nothing is published", async () => {
    // an encoder that waits for its source is still running at this point on any machine
    origin.behave("/long.mp4", { bytesPerSecond: 200_000 });
    const id = await stack.create({
      url: `${origin.url}/long.mp4`,
      video_codec: "h265",
      video_quality: 0,
      filename: "cancelled",
    });
    await stack.until(id, ({ step }) => step === "Muxing");
    expect(await stack.toolPids()).not.toEqual([]);
    const { status, body } = await stack.call("DELETE", `/jobs/${id}`);
    expect({ status, body }).toEqual({
      status: 200,
      body: { message: "Job cancelled successfully", job_id: id },
    });
    expect(await stack.job(id)).toMatchObject({
      status: "Failed",
      step: "Cancelled",
      error: "Job cancelled by user",
      error_code: "cancelled",
      s3_url: null,
    });
    await expect.poll(() => stack.toolPids(), { timeout: 5_000, interval: 50 }).toEqual([]);
    expect(await stack.call("DELETE", `/jobs/${id}`)).toMatchObject({
      status: 400,
      body: { error: "Job cannot be cancelled (already finished)" },
    });
  });

  it("stops when the operator takes down its source, and what was delivered is deleted", async () => {
    const operator = createClient({ url: stack.url, adminToken: stack.adminToken });
    const delivered = await stack.end(
      await stack.create({ url: `${origin.url}/direct.mp4?of=others`, filename: "of others" }),
    );
    expect((await fetch(delivered.s3_url ?? "")).status).toBe(200);
    origin.behave("/long.mp4", { bytesPerSecond: 200_000 });
    const running = await stack.create({
      ...{ url: `${origin.url}/long.mp4?of=others`, filename: "running" },
      ...{ video_codec: "h265", video_quality: 0 },
    });
    await stack.until(running, ({ step }) => step === "Muxing");
    for (const path of ["/direct.mp4?of=others", "/long.mp4?of=others#form"]) {
      const body = { kind: "url", value: `${origin.url}${path}`, reference: "E2E", takedown: true } as const;
      const { id } = await operator.createDenial({ body });
      await expect
        .poll(async () => (await operator.getDenial({ params: { id } })).takedown?.status, {
          timeout: 30_000,
        })
        .toBe("finished");
      expect(await stack.call("POST", "/jobs", { url: body.value })).toMatchObject({
        status: 451,
        body: { code: "denied" },
      });
      await operator.removeDenial({ params: { id } });
    }
    expect(await stack.job(running)).toMatchObject({ status: "Skipped", error_code: "denied" });
    await expect.poll(() => stack.toolPids(), { timeout: 5_000, interval: 50 }).toEqual([]);
    expect(await stack.job(delivered.id)).toMatchObject({ error_code: "denied", s3_key: null });
    expect((await fetch(delivered.s3_url ?? "")).status).toBe(404);
  });

  it("is retried as a new job, and its file is deleted", async () => {
    origin.behave("/flaky.mp4", { status: 404 });
    const first = await stack.create({ url: `${origin.url}/flaky.mp4`, filename: "retried" });
    expect((await stack.end(first)).status).toBe("Warning");
    origin.put("/flaky.mp4", Buffer.from(await (await fetch(`${origin.url}/direct.mp4`)).arrayBuffer()));
    origin.behave("/flaky.mp4", {});
    const retried = await stack.call<{ job_id: string }>("POST", `/jobs/${first}/retry`);
    expect(retried).toMatchObject({ status: 201, body: { original_job_id: first } });
    const job = await stack.end(retried.body.job_id);
    expect(job).toMatchObject({
      status: "Completed",
      s3_key: "local/videos/retried.mp4",
      original_job_id: first,
    });
    expect(await stack.call("DELETE", `/jobs/${job.id}/file`)).toMatchObject({
      status: 200,
      body: { message: "File deleted successfully", deleted_key: "local/videos/retried.mp4" },
    });
    expect((await fetch(job.s3_url ?? "")).status).toBe(404);
    expect(await stack.job(job.id)).toMatchObject({ status: "Completed", s3_url: null });
  });
});

describe("two accounts that choose the same file name", () => {
  it("have one file each, whatever the other delivers or deletes", async () => {
    const operator = createClient({ url: stack.url, adminToken: stack.adminToken });
    const { id, storage_prefix } = await operator.createAccount({ body: { name: "other" } });
    const { api_key: apiKey } = await operator.createKey({ params: { id }, body: {} });
    const other = createClient({ url: stack.url, apiKey });
    const sent = { filename: "minutes", folder: "council" };

    const mine = await stack.end(await stack.create({ url: `${origin.url}/direct.mp4`, ...sent }));
    const created = await other.createJob({ body: { url: `${origin.url}/long.mp4`, ...sent } });
    if (!("job_id" in created)) throw new Error("no single job was created");
    const theirs = await other.waitForJob(created.job_id);
    expect([mine.s3_key, theirs.s3_key]).toEqual([
      "local/videos/council/minutes.mp4",
      `${storage_prefix}/videos/council/minutes.mp4`,
    ]);
    const hashOf = async (link: string | null) => {
      const bytes = await fetch(link ?? "").then((response) => response.arrayBuffer());
      return createHash("sha256").update(Buffer.from(bytes)).digest("hex");
    };
    expect(await hashOf((await stack.job(mine.id)).s3_url)).toBe(mine.sha256);
    expect(theirs.sha256).not.toBe(mine.sha256);
    expect(await hashOf(theirs.s3_url)).toBe(theirs.sha256);
    await other.deleteFile({ params: { id: theirs.id } });
    expect((await fetch(theirs.s3_url ?? "")).status).toBe(404);
    expect(await hashOf((await stack.job(mine.id)).s3_url)).toBe(mine.sha256);
  }, 120_000);

  it("and a file that its own account writes again belongs to the later job", async () => {
    const sent = { url: `${origin.url}/direct.mp4`, filename: "anew" };
    const [first, second] = await Promise.all([stack.create(sent), stack.create(sent)]);
    const jobs = await Promise.all([stack.end(first), stack.end(second)]);
    const states = await Promise.all(jobs.map(({ id }) => stack.job(id)));
    const replaced = states.filter(({ file_replaced_by }) => file_replaced_by !== null);
    expect(replaced).toHaveLength(1);
    expect(replaced[0]).toMatchObject({ s3_url: null, s3_key: "local/videos/anew.mp4" });
    expect(await stack.call("DELETE", `/jobs/${replaced[0]?.id}/file`)).toMatchObject({
      status: 400,
      body: { error: "Job has no file to delete" },
    });
  }, 120_000);
});

describe("what operators see", () => {
  const CALLER_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";

  const logLines = async (name: string): Promise<Record<string, unknown>[]> =>
    (await readFile(join(stack.stateDir, "logs", name), "utf8"))
      .split("\n")
      .flatMap((line) => (line.startsWith("{") ? [JSON.parse(line)] : []));

  it("is one trace, from the caller's request to the report of the outcome", async () => {
    const response = await fetch(`${stack.url}/jobs`, {
      method: "POST",
      headers: {
        "x-api-key": stack.apiKey,
        "content-type": "application/json",
        traceparent: `00-${CALLER_TRACE}-00f067aa0ba902b7-01`,
      },
      body: JSON.stringify({ url: `${origin.url}/direct.mp4` }),
    });
    const { job_id } = (await response.json()) as { job_id: string };
    await stack.end(job_id);
    const named = (name: string) =>
      collector.spans.find((span) => span.traceId === CALLER_TRACE && span.name === name);
    const outcome = "POST /internal/runs/:id/outcome";
    await collector.until(() =>
      ["POST /jobs", "dispatch", "run", outcome].every((name) => named(name) !== undefined),
    );
    expect(named("POST /jobs")).toMatchObject({
      service: "waterspout-worker",
      parentSpanId: "00f067aa0ba902b7",
    });
    expect(named("dispatch")).toMatchObject({ parentSpanId: named("POST /jobs")?.spanId });
    expect(named("run")).toMatchObject({
      service: "waterspout-processor",
      parentSpanId: named("dispatch")?.spanId,
    });
    expect(named(outcome)).toMatchObject({
      service: "waterspout-worker",
      parentSpanId: named("run")?.spanId,
    });
    expect(collector.refused).toEqual([]);
    // the same trace in both logs, whose lines have one format
    for (const [file, service, event] of [
      ["worker.log", "worker", "dispatch"],
      ["processor.log", "processor", "run"],
    ] as const) {
      const lines = await logLines(file);
      for (const line of lines) {
        expect(line).toMatchObject({ event: expect.stringMatching(/^[a-z0-9_]+$/), service });
        expect(new Date(String(line.time)).toISOString()).toBe(line.time);
      }
      expect(lines.find((line) => line.event === event && line.job_id === job_id)).toMatchObject({
        trace_id: CALLER_TRACE,
      });
    }
  });

  it("has the metrics that the dashboard and the alert rules name", async () => {
    const metricsOf = async (url: string, token?: string): Promise<string> => {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      return (await fetch(`${url}/metrics`, { headers })).text();
    };
    const text = [await metricsOf(stack.url, stack.adminToken), await metricsOf(stack.processorUrl)].join("");
    // a metric without samples has only its type, from which the names of its samples follow
    const known = new Set(
      [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].flatMap(([, name = "", type]) =>
        type === "histogram" || type === "summary"
          ? ["_sum", "_count", ...(type === "histogram" ? ["_bucket"] : [])].map((suffix) => name + suffix)
          : [name],
      ),
    );
    for (const file of ["alerts.yml", "dashboard.json"]) {
      const content = await readFile(new URL(`../../examples/monitoring/${file}`, import.meta.url), "utf8");
      const named = new Set(content.match(/\bwaterspout_\w+/g));
      expect(named.size).toBeGreaterThan(5);
      expect([file, [...named].filter((name) => !known.has(name))]).toEqual([file, []]);
    }
    // what has happened is counted
    expect(text).toMatch(
      /^waterspout_jobs_ended_total\{site="other",storage="managed",outcome="completed"\} \d+$/m,
    );
    expect(text).toMatch(
      /^waterspout_runs_total\{outcome="completed",site="other",storage="managed"\} \d+$/m,
    );
    expect(text).toMatch(/^waterspout_run_stage_seconds_count\{site="other",stage="extract"\} \d+$/m);
    expect(text).not.toMatch(/127\.0\.0\.1|page\.html/);
  });
});
