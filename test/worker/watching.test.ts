import { beforeEach, describe, expect, it } from "vitest";
import type { z } from "zod";
import type { JobList } from "../../schema/api/job.ts";
import { createClient, WaterspoutError } from "../../schema/client.ts";
import { completed, failed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";

let worker: Harness;
let key: string;

beforeEach(async () => {
  await env.DB.exec("delete from jobs");
  worker = new Harness();
  ({ key } = await worker.account());
});

type List = z.output<typeof JobList>;

describe("the list of jobs", () => {
  const list = (query = "") => worker.json<List>("GET", `/jobs${query}`, { key });
  const idsOf = ({ jobs }: List) => jobs.map(({ id }) => id);

  it("is newest first, and its numbers are clamped", async () => {
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.unshift(await worker.create(key));
    expect(idsOf(await list())).toEqual(ids);
    expect(await list("?limit=2&offset=1")).toMatchObject({ total: 5, limit: 2, offset: 1 });
    expect(idsOf(await list("?limit=2&offset=1"))).toEqual(ids.slice(1, 3));
    expect(await list("?limit=0")).toMatchObject({ limit: 1 });
    expect(await list("?limit=1000&offset=-4")).toMatchObject({ limit: 100, offset: 0 });
    expect(await list("?limit=many")).toMatchObject({ limit: 20 });
  });

  it("filters by status in upper or lower case, with a matching total", async () => {
    const run = await worker.start(key);
    await worker.report(run, "outcome", failed("private"));
    await worker.create(key);
    expect(idsOf(await list("?status=wArNiNg"))).toEqual([run.job_id]);
    expect(await list("?status=pending")).toMatchObject({ total: 1 });
    const response = await worker.call("GET", "/jobs?status=running", { key });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ issues: [{ path: "status" }] });
    expect(await list("?batch_id=01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c17")).toMatchObject({
      jobs: [],
      total: 0,
    });
  });

  it("is read with its cursor without gaps or repetitions while jobs are added", async () => {
    const ids: string[] = [];
    for (let i = 0; i < 25; i++) ids.unshift(await worker.create(key));
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: List = await list(`?limit=4${cursor ? `&cursor=${cursor}` : ""}`);
      seen.push(...idsOf(page));
      cursor = page.next_cursor;
      await worker.create(key);
    } while (cursor);
    expect(seen).toEqual(ids);
  });

  it("shows nothing of other accounts", async () => {
    await worker.create(key);
    const other = await worker.account();
    expect(await worker.json<List>("GET", "/jobs", { key: other.key })).toMatchObject({ jobs: [], total: 0 });
  });

  it("takes one round trip", async () => {
    await worker.create(key);
    await list();
    expect(worker.logs.at(-1)).toMatchObject({ route: "/jobs", d1_calls: 1 });
  });
});

describe("the events of a job", () => {
  interface Event {
    readonly event?: string;
    readonly id?: string;
    readonly data?: { readonly status: string; readonly progress: number; readonly step: string };
  }

  async function follow(
    id: string,
    lastEventId?: string,
  ): Promise<{ status: number; events: Event[]; text: string }> {
    const headers = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
    const response = await worker.call("GET", `/jobs/${id}/events`, { key, headers });
    const text = await response.text();
    const events = text
      .split("\n\n")
      .filter((block) => block.startsWith("event:"))
      .map((block) => Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s, 2))))
      .map(({ event, id, data }) => ({ event, id, data: JSON.parse(data) }));
    return { status: response.status, events, text };
  }

  /** Advances the job through its life while the stream waits, one step at each poll. */
  async function live(): Promise<string> {
    const id = await worker.create(key);
    const heartbeat = (step: string, progress: number) => async () => {
      await worker.call("POST", "/internal/heartbeat", {
        body: {
          v: 1,
          instance: "p",
          runs: [{ ...worker.network.run, step, progress, download_rate: null, title: null }],
        },
      });
    };
    const steps: (() => Promise<unknown>)[] = [
      () => worker.consumeDispatchQueue(),
      heartbeat("Downloading", 20),
      async () => {},
      heartbeat("Uploading", 80),
      () => worker.report(worker.network.run, "outcome", completed),
    ];
    worker.onWait = async () => {
      await steps.shift()?.();
    };
    return id;
  }

  it("report each change once and end after the final status", async () => {
    const { status, events, text } = await follow(await live());
    expect(status).toBe(200);
    expect(text).toMatch(/^retry: \d+\n\n/);
    expect(events.map(({ event, data }) => [event, data?.status, data?.step, data?.progress])).toEqual([
      ["progress", "Pending", "Queued", 0],
      ["progress", "Processing", "Downloading", 0],
      ["progress", "Processing", "Downloading", 20],
      ["progress", "Processing", "Uploading", 80],
      ["status", "Completed", "Finished", 100],
    ]);
  });

  it("resume after the last one that was seen: nothing twice, nothing missed", async () => {
    const id = await live();
    const all = (await follow(id)).events;
    for (const [index, { id: seen }] of all.entries()) {
      const resumed = await follow(id, seen);
      if (index === all.length - 1) {
        expect(resumed).toMatchObject({ status: 204, text: "" });
      } else {
        // events are the present state: the newest one covers those in between
        expect(resumed.events).toEqual([all.at(-1)]);
      }
    }
  });

  it("send comments while nothing happens, and end so that the client resumes", async () => {
    const id = await worker.create(key);
    const { events, text } = await follow(id);
    expect(events).toHaveLength(1);
    expect(text.match(/^: still here$/gm)?.length).toBeGreaterThan(20);
  });

  it("stop polling when the client has gone", async () => {
    const id = await worker.create(key);
    let polls = 0;
    worker.onWait = () => {
      polls += 1;
    };
    const response = await worker.call("GET", `/jobs/${id}/events`, { key });
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    const before = polls;
    await worker.job(key, id);
    expect(polls).toBeLessThanOrEqual(before + 1);
  });

  it("ignore an invalid Last-Event-ID", async () => {
    const id = await live();
    expect((await follow(id, "abc; drop table jobs")).events).toHaveLength(5);
  });
});

describe("the typed client in workerd", () => {
  const clientOf = (apiKey: string | undefined, adminToken?: string) =>
    createClient({
      ...{ url: "https://waterspout.example", apiKey, adminToken },
      platform: {
        fetch: (url, { method = "GET", headers, body }) =>
          worker.call(method, url.slice("https://waterspout.example".length), {
            headers: Object.fromEntries(new Headers(headers)),
            body: body ?? undefined,
          }),
      },
    });

  it("creates an account and a key, and with it a job that it follows to its end", async () => {
    const operator = clientOf(undefined, env.ADMIN_TOKEN);
    const account = await operator.createAccount({ body: { name: "typed" } });
    const { api_key } = await operator.createKey({ params: { id: account.id } });
    const api = clientOf(api_key);
    const created = await api.createJob({
      body: { url: "https://media.example.com/a.mp4", folder: "talks" },
    });
    if (!("job_id" in created)) throw new Error("it made a batch");
    const steps = [
      () => worker.consumeDispatchQueue(),
      () => worker.report(worker.network.run, "outcome", completed),
    ];
    worker.onWait = async () => {
      await steps.shift()?.();
    };
    const reported: string[] = [];
    const job = await api.waitForJob(created.job_id, { onProgress: ({ step }) => reported.push(step) });
    expect(reported).toEqual(["Queued", "Downloading", "Finished"]);
    expect(job).toMatchObject({ status: "Completed", folder: "talks" });
    expect((await api.listJobs({ query: { status: "completed", limit: 5 } })).total).toBe(1);
  });

  it("creates one job per idempotency key, and reads all pages", async () => {
    const api = clientOf(key);
    const body = { url: "https://media.example.com/a.mp4" };
    const once = await api.createJob({ body, idempotencyKey: "one" });
    expect(await api.createJob({ body, idempotencyKey: "one" })).toEqual({ ...once, cached: true });
    for (let i = 0; i < 4; i++) await api.createJob({ body });
    const ids: string[] = [];
    for await (const { id } of api.each("listJobs", { query: { limit: 2 } })) ids.push(id);
    expect(new Set(ids).size).toBe(5);
  });

  it("fails with the API's own message", async () => {
    const failure = await clientOf(key)
      .createJob({ body: { url: "ftp://media.example.com", clip_end: "soon" } })
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(WaterspoutError);
    expect(failure).toMatchObject({ status: 400, code: "invalid_request", requestId: expect.any(String) });
    expect((failure as WaterspoutError).issues.map(({ path }) => path).sort()).toEqual(["clip_end", "url"]);
  });
});
