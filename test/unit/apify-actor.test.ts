import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { afterEach, describe, expect, it } from "vitest";
import { JobRequest } from "../../schema/api/job-request.ts";
import { inRepository } from "../support/repository.ts";

const ACTOR = "examples/apify";
const TOKEN = "apify_api_of-the-test";
const KEY = "sk_live_of-the-test";
const storage = {
  ...{ provider: "s3", endpoint: "https://s3.example.com", region: "auto" },
  ...{ bucket: "b", access_key: "a", secret_key: "s" },
};

interface Call {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Record<string, unknown>;
}
interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

const servers: Server[] = [];
let actor: ChildProcess | undefined;
afterEach(() => {
  actor?.kill("SIGKILL");
  for (const server of servers.splice(0)) server.close();
});

async function serve(handle: (call: Call) => Answer): Promise<string> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const { status, body } = handle({
      ...{ method: request.method ?? "", path: request.url ?? "", headers: request.headers },
      body: text === "" ? {} : JSON.parse(text),
    });
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body ?? {}));
  });
  servers.push(server.listen(0, "127.0.0.1"));
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Apify's API as strict as it is: wrong tokens, paths and events are refused, and an event is charged once for its key. */
function apifyDouble(input: object, price: number) {
  const items: Record<string, unknown>[] = [];
  const charged = new Map<string, unknown>();
  const handle = ({ method, path, headers, body }: Call): Answer => {
    if (headers.authorization !== `Bearer ${TOKEN}`) return { status: 401 };
    switch (`${method} ${path}`) {
      case "GET /v2/key-value-stores/store-1/records/INPUT":
        return { status: 200, body: input };
      case "POST /v2/datasets/dataset-1/items":
        items.push(body);
        return { status: 201 };
      case "POST /v2/actor-runs/run-1/charge": {
        const key = headers["idempotency-key"];
        if (body.eventName !== "file-delivered" || body.count !== 1 || typeof key !== "string") {
          return { status: 400 };
        }
        charged.set(key, body);
        return { status: 201 };
      }
      case "GET /v2/actor-runs/run-1": {
        const events = { "file-delivered": { eventPriceUsd: price } };
        const chargedEventCounts = { "file-delivered": charged.size };
        const pricingInfo = { pricingPerEvent: { actorChargeEvents: events } };
        return { status: 200, body: { data: { chargedEventCounts, pricingInfo } } };
      }
      default:
        return { status: 404 };
    }
  };
  return { items, charged, handle };
}

/** A Waterspout whose jobs end at the second poll; URLs with `private` are refused by their source. */
function waterspoutDouble() {
  const jobs = new Map<string, { url: string; looks: number }>();
  const handle = ({ method, path, headers, body }: Call): Answer => {
    if (headers["x-api-key"] !== KEY) return { status: 401, body: { error: "Invalid API Key" } };
    if (method === "POST" && path === "/jobs") {
      const { success, data } = JobRequest.safeParse(body);
      if (!success) return { status: 400, body: { error: "The request is not valid" } };
      if (!data.storage) return { status: 400, body: { error: "This account must send inline storage" } };
      const job_id = String(headers["x-idempotency-key"]);
      if (!jobs.has(job_id)) jobs.set(job_id, { url: data.url, looks: 0 });
      return { status: 201, body: { job_id } };
    }
    const job = jobs.get(path.split("/").at(-1) ?? "");
    if (!job) return { status: 404, body: { error: "Not found" } };
    job.looks += 1;
    if (job.looks < 2) return { status: 200, body: { status: "Processing" } };
    return job.url.includes("private")
      ? { status: 200, body: { status: "Warning", error: "This media is private" } }
      : { status: 200, body: { status: "Completed", s3_key: "videos/a.mp4", file_size: 5 } };
  };
  return { jobs, handle };
}

async function start(input: object, env: Readonly<Record<string, string>> = {}, price = 0.01) {
  const [apify, waterspout] = [apifyDouble(input, price), waterspoutDouble()];
  const child = spawn(process.execPath, ["src/main.mjs"], {
    cwd: inRepository(ACTOR),
    env: {
      ...{ PATH: process.env.PATH, APIFY_TOKEN: TOKEN, APIFY_API_BASE_URL: await serve(apify.handle) },
      ...{ ACTOR_RUN_ID: "run-1", ACTOR_DEFAULT_KEY_VALUE_STORE_ID: "store-1" },
      ...{ ACTOR_DEFAULT_DATASET_ID: "dataset-1", POLL_MS: "1" },
      ...{ WATERSPOUT_URL: await serve(waterspout.handle), WATERSPOUT_API_KEY: KEY },
      ...env,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  actor = child;
  return { child, apify, waterspout };
}

describe("the Apify actor", () => {
  it("delivers the URLs of its input, and charges only delivered files", async () => {
    const urls = ["https://example.com/a.mp4", "https://example.com/private", "not a URL"];
    const { child, apify } = await start({ urls, storage, format: "mp4" });
    expect((await once(child, "close"))[0]).toBe(0);
    expect(apify.items.map(({ url, status, error }) => [url, status, error])).toEqual([
      [urls[0], "Completed", undefined],
      [urls[1], "Warning", "This media is private"],
      [urls[2], "Refused", "The request is not valid"],
    ]);
    expect(apify.charged.size).toBe(1);
  });

  it("starts no job beyond the caller's spending limit", async () => {
    const urls = [1, 2, 3, 4].map((number) => `https://example.com/${number}.mp4`);
    const { child, apify } = await start({ urls, storage }, { ACTOR_MAX_TOTAL_CHARGE_USD: "0.02" });
    expect((await once(child, "close"))[0]).toBe(0);
    expect([apify.items.length, apify.charged.size]).toEqual([2, 2]);
  });

  it("serves requests in standby mode", async () => {
    const env = { APIFY_META_ORIGIN: "STANDBY", ACTOR_WEB_SERVER_PORT: "0" };
    const { child, apify } = await start({}, env);
    const [line] = await once(createInterface(child.stdout), "line");
    const address = `http://127.0.0.1:${/\d+$/.exec(String(line))?.[0]}/`;
    const post = (body: unknown) => fetch(address, { method: "POST", body: JSON.stringify(body) });
    const probe = { "x-apify-container-server-readiness-probe": "1" };
    expect((await fetch(address, { headers: probe })).status).toBe(200);
    const delivered = await post({ url: "https://example.com/a.mp4", storage });
    expect([delivered.status, await delivered.json()]).toMatchObject([200, { s3_key: "videos/a.mp4" }]);
    expect((await post({ url: "https://example.com/private", storage })).status).toBe(422);
    expect((await post({})).status).toBe(400);
    expect((await fetch(address)).status).toBe(405);
    expect(apify.charged.size).toBe(1);
  });

  it("uses only fields that jobs have", () => {
    const read = (name: string) => JSON.parse(readFileSync(inRepository(ACTOR, ".actor", name), "utf8"));
    const { input, dockerfile, webServerSchema, usesStandbyMode } = read("actor.json");
    expect([input, dockerfile, usesStandbyMode]).toEqual(["./input_schema.json", "../Dockerfile", true]);
    expect(read(webServerSchema)).toMatchObject({ openapi: "3.0.3" });
    const { properties } = read("input_schema.json");
    const { urls: _, ...options } = Object.fromEntries(
      Object.entries<{ default?: unknown }>(properties).map(([name, { default: value }]) => [name, value]),
    );
    const request = { url: "https://example.com/a.mp4", ...options, storage, folder: "a" };
    expect(JobRequest.safeParse(request)).toMatchObject({ success: true, data: { max_resolution: 1080 } });
  });
});
