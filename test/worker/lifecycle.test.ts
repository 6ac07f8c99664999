import { beforeEach, describe, expect, it } from "vitest";
import { accounts } from "../../schema/db/tables/accounts.ts";
import { MAX_INTERRUPTIONS } from "../../schema/states.ts";
import type { GuardedStatement } from "../../worker/db/guarded-statements.ts";
import { findJob } from "../../worker/db/job-rows.ts";
import { transition } from "../../worker/services/jobs/transitions.ts";
import { completed, delivery, failed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { busy, unreachable } from "./support/scripted-network.ts";

let worker: Harness;
let accountId: string;
let key: string;

beforeEach(async () => {
  await env.DB.exec("delete from jobs");
  worker = new Harness();
  ({ id: accountId, key } = await worker.account({ max_filesize_bytes: 5_000 }));
});

const statusOf = async (response: Promise<Response>): Promise<number> => (await response).status;

describe("a job that is delivered", () => {
  it("is handed over with all that a processor needs", async () => {
    const run = await worker.start(key, {
      folder: "talks",
      download_subtitles: true,
      max_resolution: "720p",
    });
    expect(run).toMatchObject({
      v: 1,
      attempt: 1,
      url: "https://media.example.com/a.mp4",
      filename: null,
      key_prefix: { base_folder: `${accountId}/videos`, folder: "talks" },
      subtitles: { languages: ["en"] },
      thumbnail: false,
      limits: { max_filesize_bytes: 5_000, max_duration_seconds: null },
      target: { provider: "s3", endpoint: "https://storage.example", bucket: "media", managed: true },
      predecessor: null,
    });
    expect(run.plan.max_resolution).toBe(720);
    expect(await worker.job(key, run.job_id)).toMatchObject({
      status: "Processing",
      step: "Downloading",
      attempt: 1,
    });
  });

  it("shows the progress of heartbeats, which never goes backwards", async () => {
    const run = await worker.start(key);
    const heartbeat = (step: string, progress: number) =>
      worker.json<{ runs: unknown[] }>("POST", "/internal/heartbeat", {
        body: {
          v: 1,
          instance: "p",
          runs: [{ ...run, step, progress, download_rate: 2_000_000, title: "A title" }],
        },
      });
    expect((await heartbeat("Muxing", 40.4)).runs).toEqual([
      { job_id: run.job_id, attempt: 1, verdict: "go_on" },
    ]);
    await heartbeat("Muxing", 10);
    expect(await worker.job(key, run.job_id)).toMatchObject({
      step: "Muxing",
      progress: 40,
      title: "A title",
      download_speed_mbps: 2,
    });
  });

  it("is completed with its facts, timings, links and adjustments", async () => {
    const run = await worker.start(key, { format: "webm", video_codec: "h264" });
    worker.now += 4_000;
    expect(await statusOf(worker.report(run, "publish"))).toBe(200);
    worker.now += 1_000;
    expect(await statusOf(worker.report(run, "outcome", completed))).toBe(200);
    const job = await worker.job(key, run.job_id);
    expect(job).toMatchObject({
      status: "Completed",
      step: "Finished",
      progress: 100,
      error: null,
      error_code: null,
      s3_key: delivery.key,
      file_size: 1_000,
      sha256: delivery.sha256,
      duration: 12.5,
      title: "A title",
      download_speed_mbps: 12.346,
      extract_duration_ms: 100,
      upload_duration_ms: 300,
      ...{ precheck_duration_ms: 40, subtitle_duration_ms: null, file_move_ms: 5 },
      ...{ io_wait_ms: null, cpu_wait_ms: null, upload_wait_ms: 7, cascade_total_attempts: null },
      total_duration_ms: 5_000,
      queue_wait_ms: 0,
      requested_quality: "best",
      actual_quality: "1080p",
      webhook_status: "no_webhook",
    });
    expect(job.adjustments.map(({ field }) => field)).toEqual(["video_codec", "audio_codec"]);
    const link = new URL(job.s3_url ?? "");
    expect(link.origin + link.pathname).toBe(
      "https://storage.example/media/videos/A%20title%20%5Babc%5D.mp4",
    );
    expect(link.searchParams.get("X-Amz-Expires")).toBe("86400");
  });

  it("is completed once, however often the outcome is repeated", async () => {
    const run = await worker.start(key);
    await worker.report(run, "outcome", completed);
    const first = await worker.job(key, run.job_id);
    worker.now += 1_000;
    expect(await statusOf(worker.report(run, "outcome", completed))).toBe(200);
    expect(await statusOf(worker.report(run, "outcome", failed("internal")))).toBe(409);
    expect(await statusOf(worker.report(run, "publish"))).toBe(409);
    const second = await worker.job(key, run.job_id);
    expect(withoutLinks(second)).toEqual(withoutLinks(first));
  });

  it("loses its links together with its file", async () => {
    const run = await worker.start(key);
    await worker.report(run, "outcome", completed);
    const path = `/jobs/${run.job_id}/file`;
    expect(await worker.json("DELETE", path, { key })).toMatchObject({ deleted_key: delivery.key });
    expect(worker.network.calls).toEqual(["DELETE storage.example/media/videos/A%20title%20%5Babc%5D.mp4"]);
    expect(await worker.job(key, run.job_id)).toMatchObject({
      status: "Completed",
      s3_url: null,
      s3_key: null,
    });
    expect(await worker.json("DELETE", path, { key })).toMatchObject({ error: "Job has no file to delete" });
  });

  it("keeps its file when the storage does not answer", async () => {
    const run = await worker.start(key);
    await worker.report(run, "outcome", completed);
    worker.network.onStorage = unreachable;
    const response = await worker.call("DELETE", `/jobs/${run.job_id}/file`, { key });
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("5");
    expect(await worker.job(key, run.job_id)).toMatchObject({ s3_key: delivery.key });
  });
});

describe("a processor that does not take the job", () => {
  it("is busy: the job counts no attempt, the dispatch message waits, and no other job is claimed meanwhile", async () => {
    worker.network.onRun = busy(7);
    const id = await worker.create(key);
    expect(await worker.consumeDispatchQueue()).toEqual({
      acked: [],
      retried: [{ job_id: id, delaySeconds: 7 }],
    });
    expect(await worker.job(key, id)).toMatchObject({
      status: "Pending",
      step: "Queued",
      attempt: 0,
      started_at: null,
    });
    await worker.create(key);
    expect((await worker.consumeDispatchQueue()).retried).toHaveLength(1);
    expect(worker.network.runs).toHaveLength(1);
  });

  it("stays busy: the dispatch message comes back more and more rarely and then leaves the rest to reconcile", async () => {
    worker.network.onRun = busy(7);
    const id = await worker.create(key);
    const delays: unknown[] = [];
    for (let attempts = 1; attempts <= 6; attempts++) {
      worker.dispatchQueue.splice(0, worker.dispatchQueue.length, {
        body: { v: 1, job_id: id },
        delaySeconds: 0,
      });
      const { acked, retried } = await worker.consumeDispatchQueue(attempts);
      delays.push(retried[0]?.delaySeconds ?? acked);
      worker.now += 7_000;
    }
    expect(delays).toEqual([7, 14, 28, 56, 112, [id]]);
  });

  it("accepts it later with a higher fence, and the caller sees one attempt", async () => {
    worker.network.onRun = busy(7);
    const id = await worker.create(key);
    await worker.consumeDispatchQueue();
    worker.network.onRun = () => new Response(null, { status: 202 });
    worker.now += 7_000;
    await worker.reconcile();
    worker.now += 120_000;
    await worker.reconcile();
    await worker.consumeDispatchQueue();
    expect(worker.network.run).toMatchObject({ job_id: id, attempt: 2, predecessor: null });
    expect(await worker.job(key, id)).toMatchObject({ status: "Processing", attempt: 1 });
  });

  it("cannot be reached: the job waits, and the next run is informed that one may have begun", async () => {
    worker.network.onRun = unreachable;
    const id = await worker.create(key);
    const claimedAt = worker.now;
    expect((await worker.consumeDispatchQueue()).retried).toEqual([{ job_id: id, delaySeconds: 5 }]);
    expect(await worker.job(key, id)).toMatchObject({ status: "Pending", attempt: 0 });
    worker.network.onRun = () => new Response(null, { status: 202 });
    worker.now += 5_000;
    worker.dispatchQueue.push({ body: { v: 1, job_id: id }, delaySeconds: 0 });
    await worker.consumeDispatchQueue();
    expect(worker.network.run).toMatchObject({
      attempt: 2,
      predecessor: { claimed_at: claimedAt, upload: null },
    });
  });

  it("does not understand it: an internal error, which is retried and then reported", async () => {
    worker.network.onRun = () => new Response(null, { status: 400 });
    const id = await worker.create(key);
    for (let i = 0; i < 3; i++) {
      await worker.consumeDispatchQueue();
      worker.now += 60_000;
    }
    expect(await worker.job(key, id)).toMatchObject({ status: "Failed", error_code: "internal", attempt: 3 });
    expect(worker.network.runs).toHaveLength(3);
  });

  it("gets the next due job as soon as a run ends", async () => {
    const run = await worker.start(key);
    worker.network.onRun = busy(60);
    const waiting = await worker.create(key);
    await worker.consumeDispatchQueue();
    worker.network.onRun = () => new Response(null, { status: 202 });
    await worker.report(run, "outcome", completed);
    expect(worker.network.run.job_id).toBe(waiting);
  });
});

describe("fences", () => {
  it("refuse every report of a run whose job was taken over, and change nothing", async () => {
    const zombie = await worker.start(key);
    await worker.report(zombie, "upload", { key: "videos/a.mp4", ref: "upload-1" });
    worker.now += 61_000;
    expect(await worker.reconcile()).toMatchObject({ leases: 1 });
    expect(await statusOf(worker.report(zombie, "publish"))).toBe(409);
    await worker.consumeDispatchQueue();
    const heir = worker.network.run;
    expect(heir).toMatchObject({
      attempt: 2,
      predecessor: { upload: { key: "videos/a.mp4", ref: "upload-1" } },
    });
    const before = await worker.job(key, heir.job_id);
    for (const [name, content] of [
      ["upload", { key: "videos/b.mp4", ref: "upload-2" }],
      ["publish", {}],
      ["outcome", completed],
      ["outcome", failed("internal")],
      ["outcome", { outcome: { type: "interrupted" } }],
    ] as const) {
      const response = await worker.report(zombie, name, content);
      expect(await response.json()).toMatchObject({ code: "lease_lost" });
      expect(response.status).toBe(409);
    }
    const heartbeat = await worker.json("POST", "/internal/heartbeat", {
      body: {
        v: 1,
        instance: "p",
        runs: [{ ...zombie, step: "Uploading", progress: 99, download_rate: null, title: null }],
      },
    });
    expect(heartbeat.runs).toEqual([{ job_id: heir.job_id, attempt: 1, verdict: "stop" }]);
    expect(await worker.job(key, heir.job_id)).toEqual(before);
    expect(await statusOf(worker.report(heir, "outcome", completed))).toBe(200);
  });

  it("refuse tokens of other claims and other jobs, and requests without one", async () => {
    const [one, other] = [await worker.start(key), await worker.start(key)];
    for (const forged of [
      { ...one, token: other.token },
      { ...one, attempt: 2 },
      { ...one, token: "x" },
      { ...one, token: `${one.token}=` },
    ]) {
      expect(await statusOf(worker.report(forged, "outcome", completed))).toBe(401);
    }
    const response = await worker.call("POST", `/internal/runs/${one.job_id}/publish`, {
      body: { v: 1, attempt: 1 },
    });
    expect(response.status).toBe(401);
    expect(await worker.job(key, one.job_id)).toMatchObject({ status: "Processing" });
  });

  it("let one of two dispatchers take a job", async () => {
    const id = await worker.create(key);
    worker.dispatchQueue.push({ body: { v: 1, job_id: id }, delaySeconds: 0 });
    await worker.consumeDispatchQueue();
    expect(worker.network.runs.filter(({ job_id }) => job_id === id)).toHaveLength(1);
  });
});

describe("a job that fails", () => {
  it("ends at once when the content is the cause", async () => {
    const run = await worker.start(key);
    await worker.report(run, "outcome", failed("private"));
    expect(await worker.job(key, run.job_id)).toMatchObject({
      status: "Warning",
      error: "This media is private",
      error_type: "warning",
      error_code: "private",
    });
  });

  it.each([
    ["host_not_found", "gone.example.org", "The host name gone.example.org does not exist; check the URL"],
    ["upload_refused", "oss:PutObject", expect.stringContaining("may not use oss:PutObject; allow it")],
    // hosts and storages are strangers: only what looks like a name is repeated
    ["host_not_found", "<b>gone</b>", "The host name of the source does not exist; check the URL"],
    ["network", "gone.example.org", "The connection to the source failed or broke off"],
  ])("says what it was about, where that helps: %s, %s", async (code, subject, error) => {
    const run = await worker.start(key);
    const { outcome } = failed(code);
    await worker.report(run, "outcome", { outcome: { ...outcome, subject } });
    expect(await worker.job(key, run.job_id)).toMatchObject({ error_code: code, error });
    const { jobs } = await worker.json<{ jobs: unknown[] }>("GET", "/dashboard/jobs", { key });
    expect(jobs[0]).toMatchObject({ error });
    expect(jobs[0]).not.toHaveProperty("details");
  });

  it("no longer says it after a try that failed in another way", async () => {
    const first = await worker.start(key);
    const { outcome } = failed("host_not_found");
    await worker.report(first, "outcome", { outcome: { ...outcome, subject: "gone.example.org" } });
    worker.now += 5_000;
    await worker.reconcile();
    await worker.consumeDispatchQueue();
    await worker.report(worker.network.run, "outcome", { outcome });
    expect(await worker.job(key, first.job_id)).toMatchObject({
      error: "The host name of the source does not exist; check the URL",
    });
  });

  it("is retried after growing delays, and no sooner than the source allows", async () => {
    const run = await worker.start(key, { max_retry_hours: 0 });
    const reported = { outcome: { ...failed("network").outcome, attempts: 2 } };
    await worker.report(run, "outcome", reported);
    expect(worker.dispatchQueue).toEqual([{ body: { v: 1, job_id: run.job_id }, delaySeconds: 5 }]);
    expect(await worker.job(key, run.job_id)).toMatchObject({
      status: "Pending",
      error: "The connection to the source failed or broke off",
      error_code: "network",
      next_try_at: worker.now + 5_000,
    });
    expect((await worker.consumeDispatchQueue()).retried).toEqual([{ job_id: run.job_id, delaySeconds: 5 }]);
    worker.now += 5_000;
    worker.dispatchQueue.push({ body: { v: 1, job_id: run.job_id }, delaySeconds: 0 });
    await worker.consumeDispatchQueue();
    await worker.report(worker.network.run, "outcome", failed("network", 90_000));
    expect(worker.dispatchQueue.splice(0)).toMatchObject([{ delaySeconds: 90 }]);
    worker.now += 90_000;
    worker.dispatchQueue.push({ body: { v: 1, job_id: run.job_id }, delaySeconds: 0 });
    await worker.consumeDispatchQueue();
    await worker.report(worker.network.run, "outcome", reported);
    expect(await worker.job(key, run.job_id)).toMatchObject({
      cascade_total_attempts: 4,
      status: "Failed",
      error_type: "error",
      error_code: "network",
      attempt: 3,
    });
  });

  it("survives any number of drains", async () => {
    await worker.create(key);
    for (let i = 1; i <= 2 * MAX_INTERRUPTIONS; i++) {
      await worker.consumeDispatchQueue();
      expect(worker.network.run).toMatchObject({ attempt: i, alone: false });
      await worker.report(worker.network.run, "outcome", { outcome: { type: "interrupted" } });
    }
    expect(await worker.job(key, worker.network.run.job_id)).toMatchObject({ finished_at: null });
  });

  it("is given up after five lost runs", async () => {
    await worker.create(key);
    for (let i = 1; i <= MAX_INTERRUPTIONS; i++) {
      await worker.consumeDispatchQueue();
      expect(worker.network.run).toMatchObject({ attempt: i, alone: i > 2 });
      worker.now += 60_000;
      await worker.reconcile();
    }
    expect(await worker.job(key, worker.network.run.job_id)).toMatchObject({
      status: "Failed",
      error_code: "interrupted",
      attempt: 5,
    });
  });

  it("tells the run how long to wait for a stream, and how long a recording may be", async () => {
    const run = await worker.start(key, { wait_for_video: true, live_from_start: true, max_duration: 90 });
    const { created_at } = await worker.job(key, run.job_id);
    expect(run.wait).toEqual({ since: created_at, until: created_at + 86_400_000 });
    expect(run.recording).toEqual({ asked: false, from_start: true, max_seconds: 90 });
    expect((await worker.start(key)).wait).toBeNull();
  });

  it("waits until its time when it is postponed", async () => {
    const run = await worker.start(key);
    await worker.report(run, "outcome", { outcome: { type: "postponed", until: worker.now + 3_600_000 } });
    expect(await worker.job(key, run.job_id)).toMatchObject({ status: "Pending", step: "Waiting" });
    expect(worker.dispatchQueue).toMatchObject([{ delaySeconds: 3_600 }]);
  });

  it("can be retried as a new job, but not before it failed", async () => {
    const run = await worker.start(key, { folder: "talks" });
    const path = `/jobs/${run.job_id}/retry`;
    expect(await worker.json("POST", path, { key })).toMatchObject({
      error: "Only failed jobs can be retried",
    });
    await worker.report(run, "outcome", failed("private"));
    const response = await worker.call("POST", path, { key });
    expect(response.status).toBe(201);
    const { job_id } = await response.json<{ job_id: string }>();
    expect(await worker.job(key, job_id)).toMatchObject({
      status: "Pending",
      folder: "talks",
      original_job_id: run.job_id,
    });
  });
});

describe("cancelling", () => {
  it("ends a pending job, and a dispatch message finds nothing to do", async () => {
    const id = await worker.create(key);
    expect(await worker.json("DELETE", `/jobs/${id}`, { key })).toEqual({
      message: "Job cancelled successfully",
      job_id: id,
    });
    expect(await worker.job(key, id)).toMatchObject({
      status: "Failed",
      step: "Cancelled",
      error: "Job cancelled by user",
      error_code: "cancelled",
    });
    await worker.consumeDispatchQueue();
    expect(worker.network.runs).toHaveLength(0);
  });

  it("stops a running job: the processor is informed and its upload is aborted", async () => {
    const run = await worker.start(key);
    await worker.report(run, "upload", { key: "videos/a b.mp4", ref: "upload/1" });
    await worker.call("DELETE", `/jobs/${run.job_id}`, { key });
    expect(worker.network.calls.toSorted()).toEqual([
      `DELETE processor.example/runs/${run.job_id}`,
      "DELETE storage.example/media/videos/a%20b.mp4?uploadId=upload%2F1",
    ]);
    expect(await statusOf(worker.report(run, "publish"))).toBe(409);
    expect(await statusOf(worker.report(run, "outcome", completed))).toBe(409);
    // a processor that could not be reached learns from its next heartbeat that nothing needs to be kept
    const { job_id, attempt, token } = run;
    const facts = { step: "Downloading", progress: 5, download_rate: null, title: null };
    const runs = [{ job_id, attempt, token, ...facts }];
    expect(
      await worker.json("POST", "/internal/heartbeat", { body: { v: 1, instance: "p", runs } }),
    ).toMatchObject({ runs: [{ job_id, attempt, verdict: "cancel" }] });
  });

  it("is refused once the run may publish, and once the job has ended", async () => {
    const run = await worker.start(key);
    await worker.report(run, "publish");
    const refused = { error: "Job cannot be cancelled (already finished)", code: "invalid_request" };
    expect(await worker.json("DELETE", `/jobs/${run.job_id}`, { key })).toMatchObject(refused);
    await worker.report(run, "outcome", completed);
    expect(await worker.json("DELETE", `/jobs/${run.job_id}`, { key })).toMatchObject(refused);
    expect(await worker.job(key, run.job_id)).toMatchObject({ status: "Completed" });
  });

  it("lets either the cancellation or the publishing win, never both", async () => {
    const run = await worker.start(key);
    const [cancelled, published] = await Promise.all([
      worker.call("DELETE", `/jobs/${run.job_id}`, { key }),
      worker.report(run, "publish"),
    ]);
    expect([cancelled.status, published.status]).toSatisfy(
      ([cancel, publish]) => (cancel === 200 && publish === 409) || (cancel === 400 && publish === 200),
    );
  });
});

describe("statements that belong to a transition", () => {
  const renameAccounts =
    (name: string): GuardedStatement =>
    (db, guard) =>
      db.update(accounts).set({ name }).where(guard);
  const names = async () => (await env.DB.prepare("select distinct name from accounts").all()).results;

  it("are executed with it", async () => {
    const id = await worker.create(key);
    const guardedStatements = () => [renameAccounts("moved")];
    const moved = await transition(worker.context(), id, { type: "claimed" }, { guardedStatements });
    expect(moved.type).toBe("moved");
    expect(await names()).toEqual([{ name: "moved" }]);
  });

  it("are not executed when another transition was faster, nor when the event is refused", async () => {
    const id = await worker.create(key);
    const read = await findJob(worker.context().db, id);
    if (!read) throw new Error("the job is not there");
    await transition(worker.context(), id, { type: "cancelled" });
    const guardedStatements = () => [renameAccounts("lost")];
    for (const options of [{ read, guardedStatements }, { guardedStatements }]) {
      const lost = await transition(worker.context(), id, { type: "claimed" }, options);
      expect(lost.type).toBe("refused");
    }
    expect(await names()).not.toContainEqual({ name: "lost" });
  });
});

function withoutLinks(job: object): object {
  return { ...job, s3_url: null };
}
