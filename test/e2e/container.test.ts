import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createTestHarness, type TestHarness, type TestHarnessOptions, unstable_readConfig } from "wrangler";
import type { Job } from "../../schema/api/job.ts";
import { type DockerEngine, startDockerEngine } from "../support/docker-engine.ts";

/** The pool of containers as in production, with local programs in place of images. */

const pathTo = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const ADMIN_TOKEN = "operator-token-of-the-tests";

let engine: DockerEngine;
let server: TestHarness;
let url: string;
let key: string;

beforeAll(async () => {
  engine = await startDockerEngine(pathTo("test/support/container-program.ts"));
  Object.assign(process.env, engine.env, {
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    WRANGLER_SEND_METRICS: "false",
  });
  server = createTestHarness(optionsFor("http://127.0.0.1:1"));
  url = (await server.listen()).url.origin;
  // only now is it known at which address the containers reach the Worker
  await server.update(optionsFor(url));
  expect((await server.listen()).url.origin).toBe(url);
  await server.getWorker().applyD1Migrations("DB");
  const operator = { authorization: `Bearer ${ADMIN_TOKEN}` };
  const account = await call<{ id: string }>("POST", "/admin/accounts", { name: "a" }, operator);
  key = (await call<{ api_key: string }>("POST", `/admin/accounts/${account.id}/keys`, {}, operator)).api_key;
}, 60_000);

/** The project's own configuration, with containers. */
function optionsFor(publicUrl: string): TestHarnessOptions {
  const config = unstable_readConfig({ config: pathTo("wrangler.toml") }, { hideWarnings: true });
  const vars = {
    ...config.vars,
    ADMIN_TOKEN,
    PROCESSOR_TOKEN: "processor-token-of-the-tests",
    SEALING_KEYS: `tests:${Buffer.alloc(32, 7).toString("base64")}`,
    PUBLIC_URL: publicUrl,
    PROCESSOR_INSTANCES: "1",
    PROCESSOR_IDLE_SECONDS: "2",
    R2_ACCESS_KEY_ID: "k",
    R2_SECRET_ACCESS_KEY: "s",
  };
  const dev = { ...config.dev, enable_containers: true };
  return { root: pathTo("."), workers: [{ config: { ...config, dev, vars } as never }] };
}

afterAll(async () => {
  await server?.close();
  await engine?.close();
});

async function call<T>(
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
): Promise<T> {
  const response = await fetch(url + path, {
    method,
    headers: headers ?? { "x-api-key": key },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return (await response.json()) as T;
}

const create = async (what: string): Promise<string> =>
  (await call<{ job_id: string }>("POST", "/jobs", { url: `https://media.example.com/${what}` })).job_id;

const until = (id: string, condition: (job: Job) => boolean): Promise<Job> =>
  vi.waitFor(
    async () => {
      const job = await call<Job>("GET", `/jobs/${id}`);
      if (!condition(job)) throw new Error(JSON.stringify(job));
      return job;
    },
    { timeout: 20_000, interval: 50 },
  );

describe("a container instance", () => {
  it("is started by the first run, which waits for it, and serves that run", async () => {
    expect(engine.pids()).toEqual([]);
    expect(await call("GET", "/readyz")).toMatchObject({ parts: { processor: { ok: true } } });
    expect(engine.pids()).toEqual([]);
    const job = await until(await create("complete"), ({ status }) => status === "Completed");
    expect(job).toMatchObject({ s3_key: "videos/processor-0.mp4", attempt: 1 });
  });

  it("stays beyond its idle time while a run sends heartbeats, and is instructed to stop a cancelled run", async () => {
    const id = await create("hold");
    await until(id, ({ progress }) => progress === 50);
    const [pid] = engine.pids();
    // twice the idle time: only the run keeps the container
    await new Promise((resolve) => setTimeout(resolve, 4_500));
    expect(engine.pids()).toEqual([pid]);
    expect(await call("DELETE", `/jobs/${id}`)).toMatchObject({ message: "Job cancelled successfully" });
  });

  it("drains and exits when it has nothing to do, and the next run starts another one", async () => {
    await vi.waitFor(() => expect(engine.pids()).toEqual([]), { timeout: 15_000 });
    expect(engine.signals).toEqual(["SIGTERM"]);
    await until(await create("complete"), ({ status }) => status === "Completed");
    expect(engine.pids()).toHaveLength(1);
  });

  it("that crashes is detected, and the next run starts another one", async () => {
    const lost = await create("crash");
    await until(lost, ({ status }) => status === "Processing");
    await vi.waitFor(() => expect(events("container_crashed")).toHaveLength(1), { timeout: 10_000 });
    expect(engine.pids()).toEqual([]);
    await until(await create("complete"), ({ status }) => status === "Completed");
    expect(engine.pids()).toHaveLength(1);
  });

  it("that is drained in the middle of a run gives the job back, and it runs again", async () => {
    const id = await create("hold");
    await until(id, ({ progress }) => progress === 50);
    process.kill(engine.pids()[0] ?? 0, "SIGTERM");
    await until(id, ({ status, attempt }) => status === "Processing" && attempt === 2);
    await call("DELETE", `/jobs/${id}`);
  });
});

/** Lines of the Worker's log with this event. */
const events = (name: string) =>
  server.getLogs().filter(({ message }) => message.includes(`"event":"${name}"`));
