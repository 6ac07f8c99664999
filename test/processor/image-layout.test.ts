import { randomUUID } from "node:crypto";
import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root } from "../../bin/stack/paths.ts";
import { plan } from "../../schema/media.ts";
import { NO_COOKIES } from "../../schema/wire/cookies.ts";
import type { RunRequest } from "../../schema/wire/run.ts";
import { mediaFolder } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { type ProcessorProcess, startProcessorProcess } from "../support/processor-process.ts";
import { type S3Server, startS3 } from "../support/s3-server.ts";
import { type ScriptedWorker, startScriptedWorker } from "../support/scripted-worker.ts";

/**
 * What the image gives the processor, without a container engine: a user that is not root, a work folder like a mount
 * point, since its parent belongs to another user, and no other writable place. `npm run image` does the same with the
 * image itself.
 */

const SMALL = { seconds: 1, width: 64, height: 36, fps: 10 } as const;
/** The ids of the image's user. */
const UID = 1000;

let folder: string;
let work: string;
let origin: Origin;
let worker: ScriptedWorker;
let s3: S3Server;
let processor: ProcessorProcess;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "image-"));
  work = join(folder, "work");
  await mkdir(work);
  const user = await imageUser();
  if (user.uid !== undefined) await chown(work, UID, UID);
  await chmod(folder, 0o555);
  [origin, worker, s3] = await Promise.all([
    startOrigin({ root: await mediaFolder({ "media.mp4": ["mp4", SMALL] }) }),
    startScriptedWorker(),
    startS3(),
  ]);
  processor = await startProcessorProcess(
    {
      ...{ WORKER_URL: worker.url, WORK_DIR: work, TMPDIR: work, HOME: "/nonexistent" },
      ...{ ALLOWED_PRIVATE_HOSTS: origin.host, HEARTBEAT_SECONDS: "1", DRAIN_SECONDS: "10" },
      ...(process.env.YTDLP_PATH ? { YTDLP_PATH: process.env.YTDLP_PATH } : {}),
    },
    user,
  );
}, 60_000);

afterAll(async () => {
  await processor.stop();
  await Promise.all([origin.close(), worker.close(), s3.close()]);
  await chmod(folder, 0o755);
  await rm(folder, { recursive: true, force: true });
}, 30_000);

/** A user other than this one, if this one is root and others may read the repository; otherwise this one. */
async function imageUser(): Promise<{ readonly uid?: number; readonly gid?: number }> {
  if (process.getuid?.() !== 0) return {};
  for (let path = root; path !== dirname(path); path = dirname(path)) {
    if (((await stat(path)).mode & 0o005) !== 0o005) return {};
  }
  return { uid: UID, gid: UID };
}

const runOf = (path: string): RunRequest => ({
  ...{
    v: 1,
    job_id: randomUUID(),
    attempt: 1,
    token: "run-token",
    url: origin.url + path,
    ...plan({ format: "mkv" }),
  },
  ...{ filename: "talk", key_prefix: { base_folder: "videos" }, subtitles: null, thumbnail: false },
  ...{ limits: { max_filesize_bytes: null, max_duration_seconds: null }, predecessor: null },
  ...{ wait: null, batch: false, alone: false, cookies: NO_COOKIES },
  recording: { asked: false, from_start: false, max_seconds: 60 },
  target: {
    ...{ provider: "s3", endpoint: s3.endpoint, bucket: s3.bucket, region: s3.region, addressing: "path" },
    ...{ access_key: s3.accessKeyId, secret_key: s3.secretAccessKey, managed: true },
  },
});

describe("the processor with the image's user and folders", () => {
  it("finds nothing that would make its jobs fail", async () => {
    const response = await fetch(`${processor.url}/readyz`);
    const { checks } = (await response.json()) as { checks: { name: string; status: string }[] };
    expect(checks.filter(({ status }) => status === "failed")).toEqual([]);
    expect(checks.find(({ name }) => name === "work_folder")).toMatchObject({ status: "ok" });
    expect(response.status).toBe(200);
  });

  it("tells a Worker that shows another token, and nobody who shows none", async () => {
    const statusWith = async (authorization?: string) =>
      (await fetch(`${processor.url}/healthz`, authorization ? { headers: { authorization } } : {})).status;
    expect(await statusWith()).toBe(200);
    expect(await statusWith(`Bearer ${processor.token}`)).toBe(200);
    expect(await statusWith("Bearer of-another-processor")).toBe(401);
  });

  it("delivers a job that needs yt-dlp, ffmpeg and its work folder", async () => {
    const run = runOf("/media.mp4");
    expect((await processor.post("/runs", run)).status).toBe(202);
    expect(await worker.outcome(run.job_id)).toMatchObject({
      type: "completed",
      delivery: { key: "videos/talk.mkv" },
    });
  });

  it("drains on SIGTERM, and leaves the work folder in place", async () => {
    const { ino } = await stat(work);
    await processor.stop();
    expect(processor.exitCode).toBe(0);
    expect((await stat(work)).ino).toBe(ino);
    expect(await readdir(folder)).toEqual(["work"]);
  });
});
