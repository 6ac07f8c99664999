import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Job } from "../../schema/api/job.ts";
import { type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { mediaFolder } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { freePort } from "../support/ports.ts";
import { unfinishedUploads } from "../support/s3-server.ts";
import { startTestStack, type TestStack } from "../support/test-stack.ts";

/**
 * The processor dies, hangs and comes back while jobs run. The lease is shortened so that these tests take seconds;
 * everything else is as in production.
 */

const LEASE_SECONDS = 4;

let origin: Origin;
let stack: TestStack;
let cron: NodeJS.Timeout;
let storage: FaultyProxy;
/** If set, parts wait for this on their way to the bucket. */
let held: Promise<void> | null = null;

beforeAll(async () => {
  const root = await mediaFolder({
    "film.mp4": ["mp4", { seconds: 12, width: 640, height: 360 }],
    "copy.mp4": ["mp4-index-last", { seconds: 12 }],
  });
  origin = await startOrigin({ root });
  const port = await freePort();
  storage = await startFaultyProxy(`http://127.0.0.1:${port}`, (request) =>
    held !== null && request.startsWith("PUT") ? { until: held } : "pass",
  );
  stack = await startTestStack({
    port,
    env: {
      R2_ENDPOINT: `${storage.origin}/cdn-cgi/local/r2/s3`,
      ALLOWED_PRIVATE_HOSTS: origin.host,
      LEASE_SECONDS: `${LEASE_SECONDS}`,
      HEARTBEAT_SECONDS: "1",
      DRAIN_SECONDS: "0",
    },
  });
  // the cron's minute, shortened like the lease
  cron = setInterval(() => void stack.reconcile(), 1_000);
}, 120_000);
vi.setConfig({ testTimeout: 60_000 });

afterAll(async () => {
  clearInterval(cron);
  await stack.stop();
  await Promise.all([origin.close(), storage.close()]);
});

async function expectDeliveredOnce(job: Job, attempts: number): Promise<void> {
  expect(job).toMatchObject({ status: "Completed", attempt: attempts, progress: 100 });
  const file = await fetch(job.s3_url ?? "");
  expect((await file.arrayBuffer()).byteLength).toBe(job.file_size);
  expect(await unfinishedUploads(stack.stateDir)).toEqual([]);
}

describe("a processor that is killed", () => {
  it("in mid-download: another run delivers the job", async () => {
    origin.behave("/film.mp4", { bytesPerSecond: 40_000 });
    const id = await stack.create({ url: `${origin.url}/film.mp4`, filename: "download" });
    await stack.until(
      id,
      ({ progress, download_speed_mbps }) => progress > 0 || download_speed_mbps !== null,
    );
    process.kill(await stack.processorPid(), "SIGKILL");
    origin.behave("/film.mp4", {});
    await expectDeliveredOnce(await stack.end(id), 2);
  });

  it("in mid-transcode: another run delivers the job and no tool is left running", async () => {
    // an encoder that waits for its source is still running at this point on any machine
    origin.behave("/film.mp4", { bytesPerSecond: 200_000 });
    const request = { url: `${origin.url}/film.mp4`, video_codec: "h264", video_quality: 1, filename: "mux" };
    const id = await stack.create(request);
    await stack.until(id, ({ step }) => step === "Muxing");
    const tools = await stack.toolPids();
    expect(tools).not.toEqual([]);
    process.kill(await stack.processorPid(), "SIGKILL");
    origin.behave("/film.mp4", {});
    await expectDeliveredOnce(await stack.end(id), 2);
    const alive = await stack.toolPids();
    expect(alive.filter((pid) => tools.includes(pid))).toEqual([]);
  });

  it("in mid-upload: another run delivers the job and the first upload is gone", async () => {
    const release = Promise.withResolvers<void>();
    held = release.promise;
    const id = await stack.create({ url: `${origin.url}/film.mp4`, filename: "upload" });
    await stack.until(id, ({ step }) => step === "Uploading");
    expect(await unfinishedUploads(stack.stateDir)).toEqual(["local/videos/upload.mp4"]);
    process.kill(await stack.processorPid(), "SIGKILL");
    held = null;
    release.resolve();
    await expectDeliveredOnce(await stack.end(id), 2);
  });

  it("with SIGTERM: the job is handed back at once and continues without waiting for its lease", async () => {
    origin.behave("/copy.mp4", { bytesPerSecond: 20_000 });
    const id = await stack.create({ url: `${origin.url}/copy.mp4`, filename: "drained" });
    await origin.waitForHit("/copy.mp4");
    await stack.until(id, ({ status }) => status === "Processing");
    process.kill(await stack.processorPid(), "SIGTERM");
    origin.behave("/copy.mp4", {});
    await expectDeliveredOnce(await stack.end(id), 2);
  });

  it("by being stopped past its lease: the zombie publishes nothing", async () => {
    origin.behave("/film.mp4", { bytesPerSecond: 40_000 });
    const id = await stack.create({ url: `${origin.url}/film.mp4`, filename: "zombie" });
    await stack.until(
      id,
      ({ progress, download_speed_mbps }) => progress > 0 || download_speed_mbps !== null,
    );
    const pid = await stack.processorPid();
    process.kill(pid, "SIGSTOP");
    await stack.until(id, ({ status }) => status === "Pending");
    origin.behave("/film.mp4", {});
    process.kill(pid, "SIGCONT");
    const job = await stack.end(id);
    expect(job.attempt).toBeGreaterThan(1);
    await expectDeliveredOnce(job, job.attempt);
  });
});
