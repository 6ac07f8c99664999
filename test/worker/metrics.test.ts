import { beforeEach, describe, expect, it } from "vitest";
import type { ServiceStatus } from "../../schema/api/health.ts";
import { SITE_NAMES } from "../../schema/telemetry/site.ts";
import { completed, failed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { MeteredD1 } from "./support/metered-d1.ts";

/** What operators and everybody else see of how jobs end. */

const operator = { authorization: `Bearer ${env.ADMIN_TOKEN}` };
const meter = new MeteredD1(env.DB);

let worker: Harness;
let key: string;

beforeEach(async () => {
  for (const table of ["jobs", "end_counts", "exit_runs", "exit_health"]) {
    await env.DB.exec(`delete from ${table}`);
  }
  worker = new Harness({ DB: meter.binding });
  ({ key } = await worker.account());
});

/** A job with this URL, for which the processor reports this. */
async function run(url: string, outcome: object, request: object = {}): Promise<void> {
  const started = await worker.start(key, { url, ...request });
  worker.now += 3_000;
  expect((await worker.report(started, "outcome", outcome)).status).toBe(200);
}

async function metrics(path = "/metrics"): Promise<string> {
  const response = await worker.call("GET", path, { headers: operator });
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  return response.text();
}

/** An isolate caches what it has read for a while. */
async function status(headers: Record<string, string> = {}): Promise<ServiceStatus> {
  worker.now += 20_000;
  return worker.json<ServiceStatus>("GET", "/status", { headers });
}

describe("the metrics", () => {
  it("count ended jobs by site, storage and outcome, with their times", async () => {
    await run("https://www.youtube.com/watch?v=1", completed);
    await run("https://youtu.be/2", completed);
    await run("https://media.example.com/a.mp4", failed("private"));
    const text = await metrics();
    expect(text).toContain(
      'waterspout_jobs_ended_total{site="youtube",storage="managed",outcome="completed"} 2\n',
    );
    expect(text).toContain(
      'waterspout_jobs_ended_total{site="other",storage="managed",outcome="private"} 1\n',
    );
    expect(text).toContain('waterspout_job_seconds_bucket{site="youtube",result="completed",le="1"} 0\n');
    expect(text).toContain('waterspout_job_seconds_bucket{site="youtube",result="completed",le="5"} 2\n');
    expect(text).toContain('waterspout_job_seconds_bucket{site="youtube",result="completed",le="+Inf"} 2\n');
    expect(text).toContain('waterspout_job_seconds_sum{site="youtube",result="completed"} 6\n');
    expect(text).toContain('waterspout_job_seconds_count{site="other",result="warning"} 1\n');
    expect(text).toContain('waterspout_stage_seconds_count{site="youtube",stage="download"} 2\n');
    const { file_size } = completed.outcome.delivery;
    expect(text).toContain(
      `waterspout_delivered_bytes_total{site="youtube",storage="managed"} ${2 * file_size}\n`,
    );
    expect(await metrics("/admin/metrics")).toContain('waterspout_stage_seconds_count{site="youtube"');
  });

  it("count a job once, however often it runs and its end is reported", async () => {
    const first = await worker.start(key, { url: "https://vimeo.com/1" });
    await worker.report(first, "outcome", failed("network"));
    worker.now += 3_600_000;
    worker.dispatchQueue.push({ body: { v: 1, job_id: first.job_id }, delaySeconds: 0 });
    await worker.consumeDispatchQueue();
    const second = worker.network.run;
    expect(second.attempt).toBeGreaterThan(first.attempt);
    await worker.report(second, "outcome", completed);
    await worker.report(second, "outcome", completed);
    const lines = (await metrics()).split("\n").filter((line) => line.startsWith("waterspout_jobs_ended"));
    expect(lines).toEqual([
      'waterspout_jobs_ended_total{site="vimeo",storage="managed",outcome="completed"} 1',
    ]);
  });

  it("count jobs that end together", async () => {
    const jobs = ["https://vimeo.com/1", "https://vimeo.com/2", "https://x.com/3"].map((url) => ({ url }));
    const body = { jobs, paused: true };
    const { batch_id } = await worker.json<{ batch_id: string }>("POST", "/jobs/bulk", { key, body });
    await worker.call("DELETE", `/batch/${batch_id}`, { key });
    const text = await metrics();
    expect(text).toContain('{site="vimeo",storage="managed",outcome="cancelled"} 2\n');
    expect(text).toContain('{site="x",storage="managed",outcome="cancelled"} 1\n');
  });

  it("have few labels, whatever hosts callers invent, and read few rows", async () => {
    for (let host = 0; host < 12; host++) await run(`https://site-${host}.example.net/a.mp4`, completed);
    meter.take();
    const text = await metrics();
    const sites = new Set([...text.matchAll(/site="([^"]*)"/g)].map(([, site]) => site));
    expect([...sites]).toEqual(["other"]);
    expect(SITE_NAMES.length).toBeLessThanOrEqual(30);
    expect(meter.take()).toBeLessThan(60);
  });

  it("are only for the operator", async () => {
    expect((await worker.call("GET", "/metrics")).status).toBe(401);
    expect((await worker.call("GET", "/metrics", { key })).status).toBe(401);
    expect((await worker.call("GET", "/admin/metrics", { key })).status).toBe(401);
  });

  it("say how long the oldest job has been waiting", async () => {
    await worker.create(key);
    worker.now += 42_000;
    expect(await metrics()).toContain("\nwaterspout_oldest_due_seconds 42\n");
  });
});

describe("GET /status", () => {
  const blocked = async (count: number) => {
    for (let i = 0; i < count; i++) {
      await run(`https://www.youtube.com/watch?v=${i}`, failed("bot_check"));
      // removes the back-off of the source, which is not the subject here
      await env.DB.exec("delete from exit_health");
      worker.services.backoffs.remove();
    }
  };

  it("shows sites to everybody, and numbers, hosts and instances only to the operator", async () => {
    await blocked(5);
    for (let i = 0; i < 5; i++) await run(`https://vimeo.com/${i}`, i < 4 ? completed : failed("private"));
    await run("https://secret-host.example.net/a.mp4", completed);
    const shown = await status();
    const last_success_at = expect.any(Number);
    expect(shown).toEqual({
      status: "impaired",
      window_seconds: 3600,
      sites: [
        {
          ...{ site: "other", status: "unknown", success_rate: null, success_rate_24h: null },
          ...{ last_success_at, held_back_until: null, reason: null },
        },
        // the response to a private video is correct
        {
          ...{ site: "vimeo", status: "ok", success_rate: 1, success_rate_24h: 1 },
          ...{ last_success_at, held_back_until: null, reason: null },
        },
        {
          ...{ site: "youtube", status: "failing", success_rate: 0, success_rate_24h: 0 },
          ...{ last_success_at: null, held_back_until: null, reason: "bot_check" },
        },
      ],
    });
    const { sites, operator: details } = await status(operator);
    expect(sites.at(-1)).toMatchObject({ site: "youtube", runs: 5, failures: { bot_check: 5 } });
    expect(details).toMatchObject({ instances: [], paused_storages: [] });
    expect(await metrics()).toContain('waterspout_site_success_ratio{site="youtube"} 0\n');
  });

  it("names paused hosts to the operator", async () => {
    await run("https://limits.example.com/a.mp4", failed("rate_limited", 600_000));
    worker.services.backoffs.remove();
    const { operator: details } = await status(operator);
    expect(details?.paused_sources).toMatchObject([{ name: "limits.example.com" }]);
    expect(JSON.stringify(await status())).not.toContain("limits.example.com");
  });

  it("is refused with a wrong token, but not without one", async () => {
    const wrong = { authorization: "Bearer not-the-operator-token" };
    expect((await worker.call("GET", "/status", { headers: wrong })).status).toBe(401);
    expect((await worker.call("GET", "/status")).status).toBe(200);
  });

  it("leaves out what is older than an hour", async () => {
    await blocked(5);
    worker.now += 70 * 60_000;
    expect((await status()).sites).toEqual([]);
    worker.now += 24 * 60 * 60_000;
    expect(await worker.reconcile()).toMatchObject({ old_site_runs: 1 });
  });

  it("costs nothing while it is fresh", async () => {
    await status();
    meter.take();
    await worker.call("GET", "/status");
    expect(meter.take()).toBe(0);
  });
});
