import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunRequest } from "../../schema/wire/run.ts";
import { type Disturbance, type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { mediaFolder } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { type ProcessorBench, startProcessorBench } from "../support/processor.ts";

let origin: Origin;
let bench: ProcessorBench;
let storage: FaultyProxy;
/** The storage's response when pieces of recordings are read from it. */
let onRead: Disturbance = "pass";

beforeAll(async () => {
  origin = await startOrigin({ root: await mediaFolder({ "a.mp4": ["mp4"] }) });
  bench = await startProcessorBench([origin.host]);
  storage = await startFaultyProxy(bench.s3.endpoint, (request) =>
    /^GET .*recordings/.test(request) ? onRead : "pass",
  );
}, 60_000);

afterAll(async () => {
  await storage.close();
  await bench.close();
  await origin.close();
});

const READ_REFUSALS: Disturbance[] = [
  { status: 403 },
  { status: 429, headers: { "retry-after": "3600" } },
  { status: 503 },
];

/** A claim of a job that another run had before, delivering through the disturbed storage. */
function secondClaim(recordingKey?: string): Partial<RunRequest> {
  const path = new URL(bench.s3.endpoint).pathname;
  const recording = { asked: false, from_start: false, max_seconds: 60 };
  return {
    attempt: 2,
    predecessor: { claimed_at: Date.now(), upload: null },
    target: { ...bench.target, endpoint: storage.origin + path } as RunRequest["target"],
    recording: recordingKey === undefined ? recording : { ...recording, key: recordingKey },
  };
}

describe("a job that was claimed before", () => {
  it.each(READ_REFUSALS)("does not ask a storage for a recording that it never had (%j)", async (refusal) => {
    onRead = refusal;
    const before = storage.requests.length;
    const outcome = await bench.run(`${origin.url}/a.mp4`, {}, secondClaim());
    expect(outcome).toMatchObject({ type: "completed" });
    const asked = storage.requests.slice(before).filter((request) => request.includes(".recordings"));
    expect(asked).toEqual([]);
  });

  it("continues without a recording that is unreadable or missing", async () => {
    onRead = { status: 403 };
    const outcome = await bench.run(`${origin.url}/a.mp4`, {}, secondClaim("videos/.recordings/x"));
    expect(outcome).toMatchObject({ type: "completed" });
  });

  it("blames the storage that cannot be read, never the source", async () => {
    onRead = { status: 429, headers: { "retry-after": "3600" } };
    const outcome = await bench.run(`${origin.url}/a.mp4`, {}, secondClaim("videos/.recordings/x"));
    expect(outcome).toMatchObject({ type: "failed", code: "upload_failed", retry_after_ms: 3_600_000 });
  });
});
