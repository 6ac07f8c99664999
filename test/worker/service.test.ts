import { createScheduledController } from "cloudflare:test";
import { exports } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Endpoint } from "../../schema/api/endpoint.ts";
import { endpoints } from "../../schema/api/endpoints.ts";
import type { Readiness } from "../../schema/api/health.ts";
import type { Job } from "../../schema/api/job.ts";
import { NEWEST_MIGRATION } from "../../schema/db/newest-migration.ts";
import { readConfig } from "../../worker/config.ts";
import { stalledQuery } from "../../worker/db/metrics/readiness.ts";
import worker from "../../worker/index.ts";
import { completed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { expectIndexed } from "./support/query-plan.ts";
import { ScriptedNetwork, unreachable } from "./support/scripted-network.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

describe("the Worker as it is deployed", () => {
  const main = (exports as unknown as { default: Fetcher }).default;
  const call = (method: string, path: string, headers: Record<string, string>, body?: unknown) =>
    main.fetch(`https://waterspout.example${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const operator = { authorization: `Bearer ${env.ADMIN_TOKEN}` };

  it("brings a job from acceptance through the real queue to its end", async () => {
    const network = new ScriptedNetwork();
    vi.spyOn(globalThis, "fetch").mockImplementation(network.fetch);
    vi.spyOn(console, "log").mockImplementation(() => {});

    const account = await (await call("POST", "/admin/accounts", operator, { name: "a" })).json<{
      id: string;
    }>();
    const created = await call("POST", `/admin/accounts/${account.id}/keys`, operator);
    const key = { "x-api-key": (await created.json<{ api_key: string }>()).api_key };
    const accepted = await call("POST", "/jobs", key, { url: "https://media.example.com/a.mp4" });
    const { job_id } = await accepted.json<{ job_id: string }>();

    // the queue's event has a different context, whose promises cannot be awaited from here
    const run = await vi.waitFor(() => network.run, { timeout: 20_000, interval: 10 });
    expect(run).toMatchObject({ job_id, attempt: 1 });
    const events = call("GET", `/jobs/${job_id}/events`, key).then((response) => response.text());
    const report = (name: string, content: object) =>
      call(
        "POST",
        `/internal/runs/${job_id}/${name}`,
        { authorization: `Bearer ${run.token}` },
        { v: 1, attempt: 1, ...content },
      );
    expect((await report("publish", {})).status).toBe(200);
    expect((await report("outcome", completed)).status).toBe(200);
    expect(await (await call("GET", `/jobs/${job_id}`, key)).json<Job>()).toMatchObject({
      status: "Completed",
    });
    expect(await events).toMatch(/event: status\nid: \d+\ndata: .*"Completed"/);
  });

  it("reconciles by cron", async () => {
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    const waiting: Promise<unknown>[] = [];
    const ctx = { waitUntil: (work: Promise<unknown>) => waiting.push(work) } as unknown as ExecutionContext;
    await worker.scheduled(createScheduledController() as ScheduledController, env, ctx);
    await Promise.all(waiting);
    expect(log.mock.calls.flat().join()).toContain('"event":"reconcile"');
  });

  it("says in the log, and not to callers, which variable is wrong", async () => {
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    const ctx = {} as ExecutionContext;
    const request = new Request("https://waterspout.example/healthz");
    const response = await worker.fetch(request as never, { ...env, LEASE_SECONDS: "soon" }, ctx);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("LEASE_SECONDS");
    expect(log.mock.calls.flat().join()).toContain("LEASE_SECONDS must be a whole number from 3 to 600");
  });

  it.each([
    [{ LEASE_SECONDS: "44" }, "Set LEASE_SECONDS to 45 or more, or HEARTBEAT_SECONDS to 14 or less"],
    [{ HEARTBEAT_SECONDS: "30" }, "LEASE_SECONDS (60) must be at least three times HEARTBEAT_SECONDS (30)"],
  ])("does not start with %o: a missed heartbeat would cost a run its job", async (variables, sentence) => {
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    const request = new Request("https://waterspout.example/healthz");
    const response = await worker.fetch(request as never, { ...env, ...variables }, {} as ExecutionContext);
    expect(response.status).toBe(500);
    expect(log.mock.calls.flat().join()).toContain(sentence);
  });

  it("has no containers here, and says what to do about it", async () => {
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    const stub = env.PROCESSOR.get(env.PROCESSOR.idFromName("processor-0"));
    expect(await stub.health()).toMatchObject({
      ok: false,
      detail: expect.stringContaining("PROCESSOR_URL"),
    });
    expect((await stub.fetch("http://processor/runs", { method: "POST" })).status).toBe(502);
    expect(log.mock.calls.flat().join()).toContain("container_missing");
  });
});

describe("health", () => {
  let service: Harness;
  beforeEach(() => {
    service = new Harness();
  });

  it("is alive and ready", async () => {
    const tools = { ytdlp: "2026.10.26", ytdlp_channel: "nightly", ffmpeg: "7.1.2" };
    const isolation = { files: true, network: true, signals: false, limits: true };
    service.network.onOther = () =>
      Response.json({ status: "ok", tools: { ...tools, javascript: "node 24" }, isolation });
    const alive = { status: "ok", version: "0.1.0", tools, isolation };
    expect(await service.json("GET", "/healthz")).toEqual(alive);
    const response = await service.call("GET", "/readyz");
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ status: "ready", parts: { storage: { ok: true } } });
    expect(new Set(service.network.calls)).toEqual(
      new Set([
        "GET processor.example/healthz",
        "PUT storage.example/media/.waterspout/readiness.txt",
        "DELETE storage.example/media/.waterspout/readiness.txt",
      ]),
    );
  });

  it("writes to the storage on the first of many requests, and soon again after a failure", async () => {
    const writes = () => service.network.calls.filter((call) => call.startsWith("PUT ")).length;
    service.network.onStorage = () =>
      new Response("<Error><Code>NoSuchBucket</Code></Error>", { status: 404 });
    for (const _ of [1, 2]) {
      const response = await service.call("GET", "/readyz");
      expect(response.status).toBe(503);
      expect(await response.json()).toMatchObject({
        status: "unavailable",
        parts: {
          storage: {
            ok: false,
            detail: expect.stringMatching(/^the managed bucket takes no files: NoSuchBucket: /),
          },
        },
      });
    }
    expect(writes()).toBe(1);
    service.network.onStorage = () => new Response(null, { status: 204 });
    service.now += 3_000;
    for (const _ of [1, 2]) expect((await service.call("GET", "/readyz")).status).toBe(200);
    expect(writes()).toBe(2);
    service.now += 61_000;
    await service.call("GET", "/readyz");
    expect(writes()).toBe(3);
  });

  it("passes on what a processor reports about itself", async () => {
    const tools = { ytdlp: "2026.10.26", ffmpeg: "7.1.2" };
    const checks = [
      { name: "challenge_scripts", status: "warning", detail: "yt-dlp-ejs is not installed" },
      { name: "javascript", status: "ok", detail: "Node 24" },
    ];
    service.network.onOther = () => Response.json({ tools, checks });
    const degraded = await service.call("GET", "/readyz");
    expect(await degraded.json()).toMatchObject({
      status: "degraded",
      parts: { processor: { ok: true, checks } },
    });
    expect(degraded.status).toBe(200);

    const failed = { name: "cookies", status: "failed", detail: "the cookies cannot be read" };
    service.network.onOther = () => Response.json({ tools, checks: [...checks, failed], time: 0 });
    const unavailable = await service.call("GET", "/readyz");
    expect(unavailable.status).toBe(503);
    expect(await unavailable.json()).toMatchObject({
      status: "unavailable",
      parts: {
        processor: {
          ok: false,
          detail: expect.stringMatching(/^the cookies cannot be read; the processor's clock is \d+ s behind/),
        },
      },
    });
  });

  it("names the part that does not answer", async () => {
    service.queueIsDown = true;
    const response = await service.call("GET", "/readyz");
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({
      status: "unavailable",
      parts: { database: { ok: true }, queue: { ok: false, detail: "the queue does not answer" } },
    });
    service.network.onOther = unreachable;
    expect(await service.json("GET", "/healthz")).toMatchObject({
      status: "ok",
      tools: null,
      isolation: null,
    });
    expect(await service.json("GET", "/readyz")).toMatchObject({
      parts: { processor: { ok: false, detail: "the processor does not answer" } },
    });
  });

  describe("is not reported as ready", () => {
    const readiness = async () => {
      const response = await service.call("GET", "/readyz");
      return { status: response.status, parts: (await response.json<Readiness>()).parts };
    };

    it.each([
      [
        "without the newest migration",
        `update d1_migrations set name = 'none' where name = '${NEWEST_MIGRATION}'`,
        `update d1_migrations set name = '${NEWEST_MIGRATION}' where name = 'none'`,
        /lacks the migration \d{4}_\w+\.sql; npm run deploy applies it/,
      ],
      [
        "without any migration",
        "alter table d1_migrations rename to aside",
        "alter table aside rename to d1_migrations",
        /lacks the migration/,
      ],
      [
        "while the database takes no changes",
        "create trigger full before insert on storage_backoff begin select raise(abort, 'database or disk is full'); end",
        "drop trigger full",
        /takes no changes: it is full/,
      ],
    ])("%s", async (_, harm, repair, detail) => {
      await env.DB.exec(harm);
      try {
        expect(await readiness()).toMatchObject({
          status: 503,
          parts: { database: { ok: false, detail: expect.stringMatching(detail) } },
        });
      } finally {
        await env.DB.exec(repair);
      }
      service.now += 3_000;
      expect(await readiness()).toMatchObject({ status: 200, parts: { database: { ok: true } } });
    });

    it("while nobody consumes the queue", async () => {
      await expectIndexed(stalledQuery(service.context().db, { dueBefore: 1, announcedAfter: 1 }));
      await env.DB.exec("delete from jobs");
      const { key } = await service.account();
      await service.create(key);
      for (let minute = 0; minute < 5; minute++) {
        expect((await readiness()).status).toBe(200);
        service.now += 60_000;
        await service.reconcile();
      }
      expect(await readiness()).toMatchObject({
        status: 503,
        parts: { queue: { ok: false, detail: expect.stringMatching(/^a job has been due for 300 s/) } },
      });
      await service.consumeDispatchQueue();
      expect((await readiness()).status).toBe(200);
    });

    it("but is, when jobs have waited because nothing ran, until the scheduled work goes on", async () => {
      await env.DB.exec("delete from jobs");
      const { key } = await service.account();
      await service.create(key);
      service.now += 24 * 60 * 60_000;
      expect((await readiness()).status).toBe(200);
    });

    it("with a processor that has another token", async () => {
      service.network.onOther = (request) =>
        new Response(null, {
          status: request.headers.get("authorization") === `Bearer ${env.PROCESSOR_TOKEN}` ? 200 : 401,
        });
      expect((await readiness()).status).toBe(200);
      service.network.onOther = () => new Response(null, { status: 401 });
      expect(await readiness()).toMatchObject({
        status: 503,
        parts: {
          processor: { ok: false, detail: expect.stringContaining("PROCESSOR_TOKEN must be the same") },
        },
      });
    });
  });

  it("does not report a pool without containers as ready", async () => {
    const pooled = new Harness({ PROCESSOR_URL: "" });
    expect(await pooled.json("GET", "/readyz")).toMatchObject({ parts: { processor: { ok: false } } });
  });
});

describe("the documentation", () => {
  const service = new Harness();

  it("describes every route and every refusal, and all of its references resolve", async () => {
    const document = await service.json<{
      openapi: string;
      servers: unknown;
      paths: Record<string, Record<string, { responses: object }>>;
      components: { schemas: object };
    }>("GET", "/openapi.json");
    expect(document).toMatchObject({ openapi: "3.1.0", servers: [{ url: "https://waterspout.example" }] });
    for (const { path, method, responses } of Object.values<Endpoint>(endpoints)) {
      const operation = document.paths[path]?.[method.toLowerCase()];
      expect(Object.keys(operation?.responses ?? {})).toEqual(expect.arrayContaining(Object.keys(responses)));
    }
    const references = JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g);
    const names = new Set([...references].map(([, name]) => name));
    expect(names.size).toBeGreaterThan(10);
    for (const name of names) expect(document.components.schemas).toHaveProperty(name ?? "");
  });

  it.each(["/docs", "/docs/reference", "/docs/quick-start", "/docs/decisions/validator"])(
    "%s is a page that loads only files of its own origin, without inline script or style",
    async (path) => {
      const response = await service.call("GET", path);
      expect(response.headers.get("content-security-policy")).not.toMatch(/unsafe|https?:/);
      const page = await response.text();
      expect(page).not.toMatch(/<style|<script>| style=| on\w+=/);
      const files = [...page.matchAll(/(?:src|<link[^>]*href)="([^"]+)"/g)].map(([, file]) => file ?? "");
      expect(new Set(files)).toEqual(
        new Set(["/ui/icon.svg", "/ui/base.css", "/ui/docs.css", "/ui/search.js"]),
      );
      for (const file of files) expect([file, (await service.call("GET", file)).status]).toEqual([file, 200]);
    },
  );

  it("links only to pages and anchors that exist", async () => {
    const pages = new Map<string, string>();
    const read = async (path: string) => {
      if (!pages.has(path)) pages.set(path, await (await service.call("GET", path)).text());
      return pages.get(path) ?? "";
    };
    const linksOf = (page: string) => [...page.matchAll(/href="([^"]*)"/g)].map(([, link]) => link ?? "");
    const paths = new Set(linksOf(await read("/docs")).filter((link) => link.startsWith("/docs")));
    expect(paths.size).toBeGreaterThan(20);
    const dead: string[] = [];
    for (const path of paths) {
      for (const link of linksOf(await read(path))) {
        if (!/^(\/docs|#)/.test(link)) continue;
        const [page = "", anchor] = link.split("#");
        const target = await read(page || path);
        const found = anchor === undefined || target.includes(`id="${anchor}"`);
        if (!found || target.startsWith("{")) dead.push(`${path}: ${link}`);
      }
    }
    expect(dead).toEqual([]);
  });

  it("shows commands that call this server, and is there for programs too", async () => {
    const page = await (await service.call("GET", "/docs/reference")).text();
    expect(page).toContain("https://waterspout.example/jobs");
    expect(page).not.toMatch(/\{\{|127\.0\.0\.1/);
    for (const [path, type] of [
      ["/llms.txt", "text/plain"],
      ["/llms-full.txt", "text/plain"],
      ["/docs/jobs.md", "text/markdown"],
      ["/docs/search.json", "application/json"],
    ] as const) {
      const response = await service.call("GET", path);
      expect([path, response.status]).toEqual([path, 200]);
      expect(response.headers.get("content-type")).toContain(type);
      await response.text();
    }
    for (const path of ["/docs/none", "/docs/home.html", "/docs/a/b/c"]) {
      expect([path, (await service.call("GET", path)).status]).toEqual([path, 404]);
    }
  });
});

describe("the pages for people", () => {
  const service = new Harness();
  const filesOf = (page: string) =>
    [...page.matchAll(/(?:src|href)="(\/ui\/[^"]+)"/g)].map(([, file]) => file ?? "");

  it.each(["/", "/console"])(
    "%s loads only files of its own origin, and no inline script or style",
    async (path) => {
      const response = await service.call("GET", path, { headers: { accept: "text/html,*/*;q=0.8" } });
      expect(response.headers.get("content-type")).toContain("text/html");
      expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
      expect(response.headers.get("content-security-policy")).not.toContain("unsafe");
      const page = await response.text();
      expect(page).not.toMatch(/<style|<script>| style=| on\w+=/);
      expect(filesOf(page).length).toBeGreaterThan(1);
      for (const file of filesOf(page)) {
        const asset = await service.call("GET", file);
        expect([file, asset.status]).toEqual([file, 200]);
        expect((await asset.arrayBuffer()).byteLength).toBeGreaterThan(50);
        const headers = { "if-none-match": asset.headers.get("etag") ?? "" };
        expect((await service.call("GET", file, { headers })).status).toBe(304);
      }
    },
  );

  it("/ answers programs with JSON", async () => {
    const response = await service.call("GET", "/", { headers: { accept: "*/*" } });
    expect(response.headers.get("vary")).toBe("accept");
    expect(await response.json()).toEqual({
      name: "Waterspout",
      version: expect.stringMatching(/^\d+\./),
      console: "https://waterspout.example/console",
      documentation: "https://waterspout.example/docs",
      openapi: "https://waterspout.example/openapi.json",
      readiness: "https://waterspout.example/readyz",
    });
  });
});

describe("the configuration", () => {
  const good = { ...env } as Record<string, unknown>;

  it("is refused with the name of each variable that is missing or wrong, and without secrets", () => {
    const bad = {
      ...good,
      ADMIN_TOKEN: "short",
      PROCESSOR_TOKEN: undefined,
      PUBLIC_URL: "ftp://x",
      ALLOWED_PRIVATE_HOSTS: "lan",
    };
    expect(() => readConfig(bad)).toThrow(
      "ADMIN_TOKEN must have at least 16 characters; PROCESSOR_TOKEN is not set; " +
        'PUBLIC_URL must be an http or https URL; ALLOWED_PRIVATE_HOSTS "lan" is not host:port',
    );
  });

  it("has defaults for what is left out", () => {
    const { PROCESSOR_URL, LEASE_SECONDS, ...rest } = good;
    expect([PROCESSOR_URL, LEASE_SECONDS]).toEqual(["https://processor.example", undefined]);
    expect(readConfig(rest)).toMatchObject({
      processor: { type: "containers", instances: 2 },
      leaseMs: 60_000,
      retentionDays: 7,
    });
  });
});
