import { beforeEach, describe, expect, it } from "vitest";
import { heartbeatsQuery } from "../../worker/db/job-moves.ts";
import {
  dueCountQuery,
  expiredLeasesQuery,
  orphanedUploadsQuery,
  overdueDispatchesQuery,
  recordingsQuery,
} from "../../worker/db/job-queue.ts";
import { countQuery, jobQuery, pageQuery } from "../../worker/db/job-rows.ts";
import { byKeyQuery } from "../../worker/db/key-rows.ts";
import { completed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { expectIndexed } from "./support/query-plan.ts";
import { busy, unreachable } from "./support/scripted-network.ts";
import { s3 } from "./support/storages.ts";

let worker: Harness;
let key: string;

beforeEach(async () => {
  for (const table of ["jobs", "storage_configs"]) await env.DB.exec(`delete from ${table}`);
  worker = new Harness();
  ({ key } = await worker.account());
});

const idle = {
  leases: 0,
  dispatches: 0,
  deliveries: 0,
  orphaned_uploads: 0,
  recordings: 0,
  old_deliveries: 0,
  old_requests: 0,
};

describe("dispatch messages", () => {
  it("that are all lost lose no job: each is sent again when it is overdue", async () => {
    const ids = new Set<string>();
    for (let i = 0; i < 120; i++) ids.add(await worker.create(key));
    worker.dispatchQueue.length = 0;
    expect(await worker.reconcile()).toMatchObject(idle);
    worker.now += 30_000;
    expect(await worker.reconcile()).toMatchObject({ ...idle, dispatches: 120 });
    expect(new Set(worker.dispatchQueue.map(({ body }) => body.job_id))).toEqual(ids);
    await worker.consumeDispatchQueue();
    expect(worker.network.runs).toHaveLength(120);
  });

  it("are not repeated before the previous one had its time", async () => {
    await worker.create(key);
    worker.now += 30_000;
    expect(await worker.reconcile()).toMatchObject({ dispatches: 1 });
    expect(await worker.reconcile()).toMatchObject({ dispatches: 0 });
    worker.now += 120_000;
    expect(await worker.reconcile()).toMatchObject({ dispatches: 1 });
  });

  it("are not sent for jobs that are not due, that are running, or that have ended", async () => {
    const postponed = await worker.start(key);
    await worker.report(postponed, "outcome", {
      outcome: { type: "postponed", until: worker.now + 600_000 },
    });
    const ended = await worker.start(key);
    await worker.report(ended, "outcome", completed);
    worker.dispatchQueue.length = 0;
    worker.now += 590_000;
    expect(await worker.reconcile()).toMatchObject(idle);
    worker.now += 40_000;
    expect(await worker.reconcile()).toMatchObject({ ...idle, dispatches: 1 });
  });

  it("are sent later when the queue is down, and the request still succeeds", async () => {
    worker.queueIsDown = true;
    const id = await worker.create(key);
    worker.now += 30_000;
    await worker.reconcile();
    worker.queueIsDown = false;
    worker.now += 120_000;
    await worker.reconcile();
    await worker.consumeDispatchQueue();
    expect(worker.network.run.job_id).toBe(id);
  });
});

describe("leases", () => {
  it("that ran out give the job back, and those that a heartbeat extended do not", async () => {
    const silent = await worker.start(key);
    const alive = await worker.start(key);
    worker.now += 59_000;
    await worker.call("POST", "/internal/heartbeat", {
      body: {
        v: 1,
        instance: "p",
        runs: [{ ...alive, step: "Downloading", progress: 1, download_rate: null, title: null }],
      },
    });
    worker.now += 1_000;
    expect(await worker.reconcile()).toMatchObject({ leases: 1 });
    expect(await worker.job(key, silent.job_id)).toMatchObject({ status: "Pending" });
    expect(await worker.job(key, alive.job_id)).toMatchObject({ status: "Processing" });
    await worker.consumeDispatchQueue();
    expect(worker.network.run).toMatchObject({ job_id: silent.job_id, attempt: 2 });
  });

  it("that ran out five times end the job", async () => {
    const run = await worker.start(key);
    for (let i = 0; i < 5; i++) {
      worker.now += 60_000;
      await worker.reconcile();
      await worker.consumeDispatchQueue();
    }
    expect(await worker.job(key, run.job_id)).toMatchObject({ status: "Failed", error_code: "interrupted" });
  });
});

describe("orphaned uploads", () => {
  it("are aborted once more after the lease of a cancelled run, and then removed", async () => {
    const run = await worker.start(key);
    await worker.report(run, "upload", { key: "videos/a.mp4", ref: "u1" });
    await worker.call("DELETE", `/jobs/${run.job_id}`, { key });
    worker.network.calls.length = 0;
    expect(await worker.reconcile()).toMatchObject(idle);
    worker.now += 60_000;
    expect(await worker.reconcile()).toMatchObject({ ...idle, orphaned_uploads: 1 });
    expect(worker.network.calls).toEqual(["DELETE storage.example/media/videos/a.mp4?uploadId=u1"]);
    expect(await worker.reconcile()).toMatchObject(idle);
  });

  it("that the storage does not abort are tried again, and hold up nothing else", async () => {
    const run = await worker.start(key);
    await worker.report(run, "upload", { key: "videos/a.mp4", ref: "u1" });
    await worker.call("DELETE", `/jobs/${run.job_id}`, { key });
    await worker.create(key);
    worker.network.onStorage = unreachable;
    worker.now += 60_000;
    expect(await worker.reconcile()).toMatchObject({ dispatches: 1, orphaned_uploads: 1 });
    worker.network.onStorage = () => new Response(null, { status: 404 });
    await worker.reconcile();
    worker.network.calls.length = 0;
    await worker.reconcile();
    expect(worker.network.calls).toEqual([]);
  });
});

describe("the pieces of a recording", () => {
  const folder = (id: string) => `videos/.recordings/${id}`;

  /** A storage that holds these keys, whether its bucket is in the path or in the host; it lists two at a time. */
  function holding(stored: Set<string>) {
    return async ({ method, url }: Request): Promise<Response> => {
      const { pathname, searchParams } = new URL(url);
      if (method === "DELETE") stored.delete(decodeURIComponent(pathname).replace(/^\/(media\/)?/, ""));
      if (method !== "GET") return new Response(null, { status: 204 });
      const found = [...stored].filter((key) => key.startsWith(searchParams.get("prefix") ?? ""));
      return new Response(
        found
          .slice(0, 2)
          .map((key) => `<Key>${key}</Key>`)
          .join(""),
      );
    };
  }

  /** A job whose processor died during the recording, and which was then cancelled. */
  async function abandoned(request: Record<string, unknown> = {}): Promise<string> {
    const run = await worker.start(key, { live_recording: true, ...request });
    const response = await worker.report(run, "recording", { key: folder(run.job_id) });
    expect(response.status).toBe(200);
    await worker.call("DELETE", `/jobs/${run.job_id}`, { key });
    return run.job_id;
  }

  const listings = () => worker.network.calls.filter((call) => call.includes("list-type=2")).length;

  it("are deleted once the lease of the run that wrote them is over, a page at a time", async () => {
    const id = await abandoned();
    const stored = new Set([
      ...["1/0", "1/1", "2/0"].map((piece) => `${folder(id)}/${piece}`),
      "videos/a.mp4",
    ]);
    worker.network.onStorage = holding(stored);
    expect(await worker.reconcile()).toMatchObject({ recordings: 0 });
    worker.now += 60_000;
    for (let pass = 0; pass < 3; pass++) expect(await worker.reconcile()).toMatchObject({ recordings: 1 });
    expect([...stored]).toEqual(["videos/a.mp4"]);
    expect(await worker.reconcile()).toMatchObject({ recordings: 0 });
  });

  it("are kept when only assembling the file failed", async () => {
    const run = await worker.start(key, { live_recording: true });
    await worker.report(run, "recording", { key: folder(run.job_id) });
    const failed = { type: "failed", code: "processing", retry_after_ms: null, title: null };
    expect((await worker.report(run, "outcome", { outcome: failed })).status).toBe(200);
    worker.now += 60_000;
    expect(await worker.reconcile()).toMatchObject({ recordings: 0 });
    expect(listings()).toBe(0);
  });

  it("are also removed from an account's own storage", async () => {
    worker.network.onOther = () => new Response(null, { status: 204 });
    expect((await worker.call("POST", "/user/s3", { key, body: s3 })).status).toBe(200);
    const id = await abandoned();
    const stored = new Set([`${folder(id)}/1/0`]);
    worker.network.onOther = holding(stored);
    worker.now += 60_000;
    await worker.reconcile();
    expect(stored.size).toBe(0);
  });

  it("are removed later while the storage is down, and given up when it refuses", async () => {
    await abandoned();
    worker.now += 60_000;
    worker.network.onStorage = unreachable;
    for (let pass = 0; pass < 2; pass++) expect(await worker.reconcile()).toMatchObject({ recordings: 1 });
    worker.network.onStorage = () => new Response("<Code>AccessDenied</Code>", { status: 403 });
    await worker.reconcile();
    expect(worker.logs).toContainEqual(expect.objectContaining({ event: "recording_left" }));
    expect(await worker.reconcile()).toMatchObject({ recordings: 0 });
  });

  it("stay when the storage came with the job, since its credentials are gone", async () => {
    worker.network.onOther = () => new Response(null, { status: 204 });
    await abandoned({ storage: s3 });
    worker.now += 60_000;
    await worker.reconcile();
    expect(await worker.reconcile()).toMatchObject({ recordings: 0 });
    expect(listings()).toBe(0);
  });

  it("of a run that lost its job cannot be registered", async () => {
    const run = await worker.start(key);
    await worker.call("DELETE", `/jobs/${run.job_id}`, { key });
    expect((await worker.report(run, "recording", { key: folder(run.job_id) })).status).toBe(409);
  });
});

it("no slot is filled twice: overdue dispatch messages claim nothing while their processors are busy", async () => {
  worker.network.onRun = busy(300);
  await worker.create(key);
  await worker.consumeDispatchQueue();
  worker.now += 150_000;
  await worker.reconcile();
  await worker.consumeDispatchQueue();
  expect(worker.network.runs).toHaveLength(1);
});

describe("the database", () => {
  const filter = { accountId: "a" };
  const page = { limit: 20, offset: 0 };
  const queries = {
    "a job by id": () => jobQuery(worker.context().db, "x"),
    "the account of a key": () => byKeyQuery(worker.context().db, "x", 1),
    "a page of jobs": () => pageQuery(worker.context().db, filter, page),
    "a page after a cursor": () => pageQuery(worker.context().db, filter, { ...page, cursor: "x" }),
    "a page by status": () =>
      pageQuery(worker.context().db, { ...filter, status: "Failed" }, { ...page, cursor: "x" }),
    "a page of a batch": () => pageQuery(worker.context().db, { ...filter, batchId: "b" }, page),
    "the number of jobs": () => countQuery(worker.context().db, filter),
    "the number of jobs by status": () => countQuery(worker.context().db, { ...filter, status: "Failed" }),
    "the number of due jobs": () => dueCountQuery(worker.context().db, 1, 100),
    "overdue dispatch messages": () => overdueDispatchesQuery(worker.context().db, 1, 2, 100),
    "expired leases": () => expiredLeasesQuery(worker.context().db, 1, 50),
    orphaned_uploads: () => orphanedUploadsQuery(worker.context().db, { from: 1, until: 2 }, 50),
    "recordings in pieces": () => recordingsQuery(worker.context().db, { from: 1, until: 2 }, 4),
  };

  it.each(Object.entries(queries))("finds %s by an index, in its order", async (_, query) => {
    await expectIndexed(query());
  });

  it("takes heartbeats by the primary key", async () => {
    await expectIndexed(heartbeatsQuery(worker.context().db, [], 1));
  });
});
