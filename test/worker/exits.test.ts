import { beforeEach, describe, expect, it } from "vitest";
import type { RunRequest } from "../../schema/wire/run.ts";
import { completed, delivery, failed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";

const MINUTE = 60_000;
const SECRET = "the-password-of-a-proxy";
const EXITS = [
  { name: "de-1", url: `socks5://me:${SECRET}@de.example:1080`, country: "DE", cost_per_gb: 2 },
  { name: "us-1", url: `http://me:${SECRET}@us.example:3128`, country: "US", cost_per_gb: 3 },
];
const ALERTS = "https://hooks.example.com/alerts";

let worker: Harness;
let key: string;
let site: string;
let sites = 0;

beforeEach(async () => {
  for (const table of ["jobs", "exits", "exit_health", "exit_runs"])
    await env.DB.exec(`delete from ${table}`);
  worker = new Harness({ EXITS: JSON.stringify(EXITS), ALERT_WEBHOOK_URL: ALERTS });
  ({ key } = await worker.account());
  site = `exits-${++sites}.example.com`;
});

const start = (request: object = {}, url = `https://${site}/${crypto.randomUUID()}`) =>
  worker.start(key, { url, ...request });
const namesOf = (run: RunRequest) => run.exits?.map(({ name }) => name);
const ended = (run: RunRequest, outcome: object, ...results: [string, string][]) =>
  worker.report(run, "outcome", {
    outcome: {
      ...(outcome as { outcome: object }).outcome,
      exit_results: results.map(([exit, result]) => ({ exit, result })),
    },
  });

describe("a run", () => {
  it("gets the cheapest exit and its replacements, and the job names the one that served it", async () => {
    const run = await start();
    expect(run.exits).toEqual([
      { name: "de-1", url: EXITS[0]?.url, country: "DE", media: "same" },
      { name: "us-1", url: EXITS[1]?.url, country: "US", media: "same" },
    ]);
    await ended(
      run,
      { outcome: { type: "completed", delivery: { ...delivery, details: { exit: "us-1" } } } },
      ["de-1", "bot_check"],
      ["us-1", "served"],
    );
    const job = await worker.job(key, run.job_id);
    expect(job).toMatchObject({ status: "Completed", exit: "us-1" });
    expect(JSON.stringify(job)).not.toContain(SECRET);
    // the refusal counts against that pair alone
    expect(namesOf(await start())).toEqual(["us-1"]);
    expect(namesOf(await start({}, "https://elsewhere.example.org/a.mp4"))).toEqual(["de-1", "us-1"]);
  });

  it("is given one probe at a time when a pause is over, with a replacement", async () => {
    await ended(await start(), completed, ["de-1", "rate_limited"], ["us-1", "served"]);
    worker.now += MINUTE + 1;
    const probe = await start();
    expect(namesOf(probe)).toEqual(["de-1", "us-1"]);
    expect(namesOf(await start())).toEqual(["us-1"]);
    await ended(probe, completed, ["de-1", "served"]);
    expect(namesOf(await start())).toEqual(["de-1", "us-1"]);
  });

  it("is tried again soon while an exit is left, and the site is left alone when none is", async () => {
    const run = await start({ geo: "de" });
    expect(namesOf(run)).toEqual(["de-1"]);
    await ended(run, failed("bot_check"), ["de-1", "bot_check"]);
    expect(await worker.job(key, run.job_id)).toMatchObject({ next_try_at: worker.now + 5_000 });
    const last = await start();
    expect(namesOf(last)).toEqual(["us-1"]);
    await ended(last, failed("bot_check"), ["us-1", "bot_check"]);
    expect(await worker.job(key, last.job_id)).toMatchObject({ next_try_at: worker.now + MINUTE });
    const id = await worker.create(key, { url: `https://${site}/waits` });
    const before = worker.network.runs.length;
    await worker.consumeDispatchQueue();
    expect(worker.network.runs).toHaveLength(before);
    expect(await worker.job(key, id)).toMatchObject({ status: "Pending", attempt: 0 });
  });

  it("keeps to the pace of a site, which starts carefully", async () => {
    for (let job = 0; job < 30; job++) await worker.create(key, { url: `https://${site}/${job}` });
    await worker.consumeDispatchQueue();
    // a burst of ten for each exit
    expect(worker.network.runs).toHaveLength(20);
    const waiting = worker.dispatchQueue.map(({ delaySeconds }) => delaySeconds);
    expect(waiting).toHaveLength(10);
    expect(Math.max(...waiting)).toBeLessThanOrEqual(21);
    worker.now += 25_000;
    await worker.consumeDispatchQueue();
    expect(worker.network.runs).toHaveLength(30);
  });

  it("does not exceed the limit of an exit", async () => {
    await worker.operator("POST", "/admin/exits", {
      ...{ name: "small", url: "http://small.example:1", cost_per_gb: 0, max_runs: 1 },
    });
    expect(namesOf(await start())?.[0]).toBe("small");
    // another isolate reads what runs
    worker.now += 11_000;
    expect(namesOf(await start())?.[0]).toBe("de-1");
  });

  it("fetches media directly only if the operator lists the direct way and the job does not object", async () => {
    expect((await start()).exits?.[0]?.media).toBe("same");
    await worker.operator("POST", "/admin/exits", { name: "direct", url: "direct", cost_per_gb: 100 });
    const run = await start();
    expect(run.exits?.[0]).toMatchObject({ name: "de-1", media: "direct" });
    expect((await start({ media_exit: "same" })).exits?.[0]?.media).toBe("same");
    expect((await start({ geo: "DE" })).exits?.[0]?.media).toBe("same");
    // a site that refuses it is not asked again for a while
    await worker.report(run, "outcome", {
      outcome: {
        ...completed.outcome,
        exit_results: [
          { exit: "direct", result: "forbidden", media: true },
          { exit: "de-1", result: "served" },
        ],
      },
    });
    expect((await start()).exits?.[0]?.media).toBe("same");
  });

  it("has sessions of its own with a provider that gives each one an address", async () => {
    const url = "http://customer-{session}:pw@gate.example:1";
    const shared = new Harness({ EXITS: JSON.stringify([{ name: "pool", url }]) });
    const [first, second] = [await shared.start(key), await shared.start(key)];
    const urls = [first, second].map(({ exits }) => exits?.[0]?.url ?? "");
    expect(new Set(urls).size).toBe(2);
    for (const used of urls) expect(used).toMatch(/^http:\/\/customer-[a-z0-9]{12}:pw@gate\.example:1$/);
    // a refusal is about one of its addresses
    await shared.report(first, "outcome", failed("bot_check"));
    expect(namesOf(await shared.start(key))).toEqual(["pool"]);
  });
});

it("a job asks from a country in which the operator has an exit", async () => {
  expect(namesOf(await start({ geo: "us" }))).toEqual(["us-1"]);
  const url = `https://${site}/a.mp4`;
  for (const [path, body] of [
    ["/jobs", { url, geo: "FR" }],
    ["/jobs/bulk", { jobs: [{ url }], geo: "FR" }],
  ] as const) {
    expect(await worker.json("POST", path, { key, body })).toMatchObject({
      code: "invalid_request",
      issues: [{ path: "geo", message: "this server cannot ask sources from FR; available: DE, US" }],
    });
  }
  expect((await worker.call("POST", "/jobs", { key, body: { url, geo: "Germany" } })).status).toBe(400);
});

it("probes ask through the best exit", async () => {
  await worker.call("POST", "/metadata", { key, body: { url: `https://${site}/a.mp4` } });
  expect(worker.network.probes.at(-1)?.exit).toEqual({ name: "de-1", url: EXITS[0]?.url });
});

it("what is known of a site and an exit outlives the isolate", async () => {
  await ended(await start(), completed, ["de-1", "bot_check"], ["us-1", "served"]);
  const other = new Harness({ EXITS: JSON.stringify(EXITS) });
  other.now = worker.now;
  expect(namesOf(await other.start(key, { url: `https://${site}/b` }))).toEqual(["us-1"]);
});

describe("GET /status", () => {
  it("shows sites to everybody, and exits to the operator", async () => {
    for (let job = 0; job < 5; job++) {
      const run = await start({}, `https://www.youtube.com/watch?v=${job}`);
      await ended(run, completed, ["de-1", "bot_check"], ["us-1", "served"]);
    }
    const shown = await worker.json<{ sites: object[] }>("GET", "/status");
    expect(shown.sites).toEqual([
      {
        ...{ site: "youtube", status: "ok", success_rate: 1, success_rate_24h: 1 },
        ...{ last_success_at: worker.now, held_back_until: null, reason: null },
      },
    ]);
    expect(JSON.stringify(shown)).not.toContain("de-1");
    const { operator } = await worker.operator<{ operator: { exits: object[] } }>("GET", "/status");
    expect(operator.exits).toMatchObject([
      { site: "youtube", exit: "de-1", state: "open", reason: "bot_check", last_success_at: null },
      { site: "youtube", exit: "us-1", state: "closed", success_rate: 1, last_success_at: worker.now },
    ]);
  });
});

describe("alerts", () => {
  const alerts = () => worker.network.posts.map(({ body }) => JSON.parse(body) as Record<string, unknown>);

  it("report each change of a site and an exit once, and again if they were not delivered", async () => {
    const run = await start();
    await ended(run, completed, ["de-1", "bot_check"], ["us-1", "served"]);
    worker.network.onHook = () => new Response(null, { status: 500 });
    await worker.reconcile();
    worker.network.onHook = () => new Response(null, { status: 204 });
    worker.network.posts.splice(0);
    await worker.reconcile();
    await worker.reconcile();
    expect(alerts()).toMatchObject([
      { type: "exit_opened", site, exit: "de-1", reason: "bot_check", text: expect.stringContaining(site) },
    ]);
    worker.now += MINUTE + 1;
    await ended(await start(), completed, ["de-1", "served"]);
    await worker.reconcile();
    expect(alerts().slice(1)).toMatchObject([{ type: "exit_closed", site, exit: "de-1" }]);
  });
});

describe("/admin/exits", () => {
  const exit = { name: "fr-1", url: `https://me:${SECRET}@fr.example:8443`, country: "fr", cost_per_gb: 1 };

  it("keeps exits sealed, gives them to runs, and shows no password", async () => {
    const made = await worker.operator("POST", "/admin/exits", exit);
    expect(made).toMatchObject({
      name: "fr-1",
      url: "https://fr.example:8443",
      country: "FR",
      enabled: true,
    });
    const list = await worker.operator<{ exits: object[] }>("GET", "/admin/exits");
    expect(list.exits).toMatchObject([
      { name: "de-1", origin: "setting" },
      { name: "us-1", origin: "setting" },
      { name: "fr-1", origin: "admin" },
    ]);
    const rows = await env.DB.prepare("select * from exits").all();
    const audit = await worker.operator("GET", "/admin/audit");
    expect(JSON.stringify([made, list, rows, audit, worker.logs])).not.toContain(SECRET);
    expect((await start()).exits?.[0]).toMatchObject({ name: "fr-1", url: exit.url });

    expect(await worker.operator("PATCH", "/admin/exits/fr-1", { enabled: false })).toMatchObject({
      enabled: false,
    });
    expect(namesOf(await start())).toEqual(["de-1", "us-1"]);
    expect(await worker.operator("DELETE", "/admin/exits/fr-1")).toEqual({
      ...{ message: "Exit removed", name: "fr-1" },
    });
    expect(await worker.operator("DELETE", "/admin/exits/fr-1")).toMatchObject({ code: "not_found" });
    expect(await worker.operator("PATCH", "/admin/exits/fr-1", { enabled: true })).toMatchObject({
      code: "not_found",
    });
  });

  it("refuses what cannot be used, and exits of the setting", async () => {
    for (const wrong of [
      { ...exit, url: "ftp://fr.example" },
      { ...exit, url: "direct" },
      { ...exit, name: "direct" },
      { ...exit, country: "France" },
      { ...exit, name: "de-1" },
      { ...exit, name: "FR 1" },
    ]) {
      expect(await worker.operator("POST", "/admin/exits", wrong)).toMatchObject({ code: "invalid_request" });
    }
    expect(await worker.operator("DELETE", "/admin/exits/de-1")).toMatchObject({ code: "invalid_request" });
    expect((await worker.call("GET", "/admin/exits", { key })).status).toBe(401);
  });

  it("seals them again with the newest key", async () => {
    await worker.operator("POST", "/admin/exits", exit);
    const old = `${env.SEALING_KEYS}`;
    const keys = `next:${btoa("n".repeat(32))},${old}`;
    const both = new Harness({ SEALING_KEYS: keys });
    expect(await both.operator("POST", "/admin/reseal")).toMatchObject({ key_id: "next", unreadable: 0 });
    const after = new Harness({ SEALING_KEYS: `next:${btoa("n".repeat(32))}` });
    expect((await after.start(key)).exits?.[0]?.url).toBe(exit.url);
  });
});
