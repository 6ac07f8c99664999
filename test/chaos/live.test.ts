import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { Job } from "../../schema/api/job.ts";
import { type LiveStream, liveRoot, startLiveStream } from "../support/live-origin.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { storedKeys, unfinishedUploads } from "../support/s3-server.ts";
import { startTestStack, type TestStack } from "../support/test-stack.ts";

/**
 * The processor dies in the middle of a recording. The lease, the cron interval and the seconds of the stream are
 * shortened; everything else is as in production.
 */

/** The stream runs for 60 seconds. */
const MAX_SECONDS = 20;
/** How much is recorded when the processor dies. */
const BEFORE_SECONDS = 10;
/** How long one second of the stream takes here. */
const SECOND_MS = 600;
/** The share of a recording's progress that the recording itself takes; the rest is its delivery. */
const RECORDING_SHARE = 90;

let origin: Origin;
let stack: TestStack;
let live: LiveStream;
let cron: NodeJS.Timeout;

beforeAll(async () => {
  origin = await startOrigin({ root: await liveRoot() });
  stack = await startTestStack({
    env: {
      ALLOWED_PRIVATE_HOSTS: origin.host,
      LEASE_SECONDS: "8",
      HEARTBEAT_SECONDS: "1",
      DRAIN_SECONDS: "0",
      LIVE_STALL_SECONDS: "6",
    },
  });
  cron = setInterval(() => void stack.reconcile(), 1_000);
}, 120_000);
vi.setConfig({ testTimeout: 120_000 });

afterAll(async () => {
  clearInterval(cron);
  live.pause();
  await stack.stop();
  await origin.close();
});

const isHalfWay = ({ progress }: Job): boolean =>
  progress >= (RECORDING_SHARE * BEFORE_SECONDS) / MAX_SECONDS;

const pieces = async (): Promise<string[]> =>
  (await storedKeys(stack.stateDir)).filter((key) => key.includes(".recordings"));

it.each(["SIGKILL", "SIGTERM"] as const)(
  "%s after 10 of 20 seconds: what was on air before and after is delivered, and the gap is reported",
  async (signal) => {
    live = await startLiveStream(origin);
    live.air(5);
    live.play(SECOND_MS);
    const id = await stack.create({
      ...{ url: live.url, live_recording: true, live_from_start: true, max_duration: MAX_SECONDS },
      filename: signal,
    });
    // part of the recording is in the storage, and the rest was not on air yet
    await stack.until(id, isHalfWay);
    const before = live.aired;
    process.kill(await stack.processorPid(), signal);
    const job = await stack.end(id);

    expect(job).toMatchObject({ status: "Completed", download_strategy: "live" });
    expect(job.attempt).toBeGreaterThan(1);
    const reported = job.adjustments.find(({ field }) => field === "recording");
    const recorded = Number(reported?.to ?? MAX_SECONDS);
    const missing = Number(reported?.from ?? MAX_SECONDS) - recorded;
    expect(Math.abs(recorded - MAX_SECONDS)).toBeLessThanOrEqual(1);
    expect(job.duration).toBeGreaterThan(recorded - 1);
    expect(job.duration).toBeLessThan(recorded + missing + 1);
    // the reported gap is what was on air and is not in the file
    expect(recorded + missing).toBeLessThanOrEqual(live.aired);
    expect(before).toBeLessThan(live.aired);
    if (missing > 0) expect(reported?.reason).toBe(`${missing} s are missing: they could not be fetched`);

    const file = await fetch(job.s3_url ?? "");
    expect((await file.arrayBuffer()).byteLength).toBe(job.file_size);
    expect(await pieces()).toEqual([]);
    expect(await unfinishedUploads(stack.stateDir)).toEqual([]);
    live.pause();
  },
);

it("a recording that is cancelled while no processor is alive leaves nothing behind either", async () => {
  live = await startLiveStream(origin);
  live.air(5);
  live.play(SECOND_MS);
  const id = await stack.create({ url: live.url, live_recording: true, max_duration: MAX_SECONDS });
  await stack.until(id, isHalfWay);
  process.kill(await stack.processorPid(), "SIGKILL");
  expect((await stack.call("DELETE", `/jobs/${id}`)).status).toBe(200);
  expect((await pieces()).length).toBeGreaterThan(0);
  // after the lease of the run that died
  await vi.waitUntil(async () => (await pieces()).length === 0, { timeout: 60_000, interval: 500 });
  expect(await stack.job(id)).toMatchObject({ status: "Failed", step: "Cancelled" });
  live.pause();
});
