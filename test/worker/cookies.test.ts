import { beforeEach, describe, expect, it } from "vitest";
import type { CookieJarView } from "../../schema/api/cookies/jar.ts";
import type { RunRequest } from "../../schema/wire/run.ts";
import { jarsForUrlQuery, jarsQuery } from "../../worker/db/cookies/jar-rows.ts";
import { delivery } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { expectIndexed } from "./support/query-plan.ts";
import { bodyOf, hook } from "./support/webhooks.ts";

const SECRET = "canary-of-a-session";

let worker: Harness;
let account: { id: string; key: string };
let site: string;
let sites = 0;

beforeEach(async () => {
  await env.DB.exec("delete from cookie_jars");
  worker = new Harness();
  account = await worker.account();
  site = `site-${++sites}.example.com`;
});

const line = (domain: string, name: string, value: string, expires = 4_102_444_800) =>
  [domain, domain.startsWith(".") ? "TRUE" : "FALSE", "/", "TRUE", `${expires}`, name, value].join("\t");
const jarText = (value = SECRET, domain = `.${site}`) =>
  `# Netscape HTTP Cookie File\n${line(domain, "sid", value)}\n`;

const set = (
  cookies: unknown,
  { key = account.key, name = site, exit }: Partial<Record<string, string>> = {},
) => worker.call("PUT", `/user/cookies/${name}`, { key, body: { cookies, ...(exit && { exit }) } });
const jars = async (key = account.key): Promise<CookieJarView[]> =>
  (await worker.json<{ cookies: CookieJarView[] }>("GET", "/user/cookies", { key })).cookies;
const onSite = (request: object = {}) => ({ url: `https://www.${site}/watch?v=1`, ...request });
const start = (request: object = {}, key = account.key): Promise<RunRequest> =>
  worker.start(key, onSite(request));
const jarOf = ({ cookies }: RunRequest) => {
  if (cookies.jar === null) throw new Error("the run has no cookies");
  return cookies.jar;
};
const report = (run: RunRequest, result: string, updated?: string) => ({
  cookies: { id: jarOf(run).id, result, ...(updated === undefined ? {} : { updated }) },
});
const succeed = (run: RunRequest, updated?: string) =>
  worker.report(run, "outcome", {
    outcome: { type: "completed", delivery, ...report(run, "accepted", updated) },
  });
const refuse = (run: RunRequest) =>
  worker.report(run, "outcome", {
    outcome: {
      ...{ type: "failed", code: "login_required", retry_after_ms: null, title: null },
      ...report(run, "refused"),
    },
  });

describe("an account's cookies", () => {
  it("are stored sealed, shown without a value, replaced and removed", async () => {
    const saved = await set(jarText(), { exit: "home" });
    expect([saved.status, await saved.json()]).toEqual([
      200,
      { message: `Cookies for ${site} saved`, site, cookies: 1, exit: "home" },
    ]);
    const [jar] = await jars();
    expect(jar).toMatchObject({ site, cookies: 1, exit: "home", state: "active", set_at: worker.now });
    const rows = JSON.stringify([
      (await env.DB.prepare("select * from cookie_jars").all()).results,
      worker.logs,
    ]);
    expect(rows + JSON.stringify(jar)).not.toContain(SECRET);

    await set(jarText("other"));
    expect(jarOf(await start())).toMatchObject({
      site,
      owner: "account",
      text: jarText("other"),
      exit: null,
    });
    expect((await worker.call("DELETE", `/user/cookies/${site}`, { key: account.key })).status).toBe(200);
    expect((await worker.call("DELETE", `/user/cookies/${site}`, { key: account.key })).status).toBe(404);
    expect(await jars()).toEqual([]);
    expect((await start()).cookies).toEqual({ mode: "fallback", jar: null });
    const { entries } = await worker.operator<{ entries: { action: string; subject: string }[] }>(
      "GET",
      `/admin/audit?account_id=${account.id}`,
    );
    expect(entries.map(({ action, subject }) => [action, subject]).slice(0, 3)).toEqual([
      ["cookies.removed", site],
      ["cookies.set", site],
      ["cookies.set", site],
    ]);
  });

  it("are taken from what browsers export, and only those of the site are kept", async () => {
    const exported = [
      {
        domain: `.${site}`,
        name: "sid",
        value: SECRET,
        path: "/",
        secure: true,
        expirationDate: 4_102_444_800.5,
      },
      { domain: `www.${site}`, hostOnly: true, name: "seen", value: "", path: "/", session: true },
      { domain: ".elsewhere.example", name: "id", value: SECRET, path: "/" },
      { domain: site, name: "old", value: SECRET, path: "/", expirationDate: 1 },
    ];
    const expected = `# Netscape HTTP Cookie File\n${line(`.${site}`, "sid", SECRET)}\n${[
      ...[`www.${site}`, "FALSE", "/", "FALSE", "0", "seen", ""],
    ].join("\t")}\n`;
    for (const sent of [exported, JSON.stringify(exported), { cookies: exported, origins: [] }]) {
      expect(await (await set(sent)).json()).toMatchObject({
        cookies: 2,
        adjustments: [
          { field: "cookies", from: 1, to: 0, reason: `Only cookies of ${site} are kept` },
          { field: "cookies", from: 1, to: 0, reason: "They have expired" },
        ],
      });
      expect(jarOf(await start()).text).toBe(expected);
    }
  });

  it.each<[unknown, RegExp]>([
    ["", /^cookies contain no cookie; export them while you are signed in$/],
    [`sid=${SECRET}; a=1`, /^cookies must be an export of the browser, not a Cookie header/],
    [`${SECRET}\t1\t2`, /^cookies are not readable: line 1 is not a cookie of 7 fields/],
    [`[{"${SECRET}"`, /^cookies look like JSON but cannot be parsed/],
    [[{ name: SECRET, value: "1" }], /^cookies are not readable: entry 1 has no valid domain/],
    [{ cookies: "no" }, /^cookies must be the text of cookies.txt/],
    [7, /^cookies must be the text of cookies.txt/],
    [
      line(".elsewhere.example", "a", SECRET),
      /^cookies contain none for \S+, but one for elsewhere.example; open/,
    ],
    [() => line(`.${site}`, "a", SECRET, 1), /have all expired; sign in there/],
    [() => line(`.${site}`, "a", `${SECRET};b`), /^cookies are damaged: a contains a character/],
  ])("are refused with a sentence that repeats no value: %j", async (sent, sentence) => {
    const response = await set(typeof sent === "function" ? sent() : sent);
    const text = await response.text();
    expect(response.status).toBe(400);
    expect(JSON.parse(text)).toMatchObject({ error: expect.stringMatching(sentence) });
    expect(text + JSON.stringify(worker.logs)).not.toContain(SECRET);
  });

  it.each(["a b", "com", "youtube.com:80", "user@site.example"])(
    "need a site's domain, not %s",
    async (name) => {
      const response = await set(jarText(), { name: encodeURIComponent(name) });
      expect([response.status, await response.json()]).toMatchObject([
        400,
        { error: "site must be the domain of a site, such as youtube.com" },
      ]);
    },
  );

  it("need the scope for secrets, and are another account's business never", async () => {
    const { key } = await worker.account({}, { scopes: ["read", "write"] });
    expect((await set(jarText(), { key })).status).toBe(403);
    await set(jarText());
    const other = await worker.account();
    expect(await jars(other.key)).toEqual([]);
    expect((await start({}, other.key)).cookies.jar).toBeNull();
  });

  it("are chosen by the job's host: other names of the site, and nothing that only looks like it", async () => {
    await set(jarText(SECRET, ".youtube.com"), { name: "www.YouTube.com" });
    const runs = [
      "youtu.be/x",
      "m.youtube.com/x",
      "notyoutube.com/x",
      "example.org/youtube.com",
      "example.org/?u=youtu.be",
    ];
    const chosen: boolean[] = [];
    for (const address of runs) {
      chosen.push((await worker.start(account.key, { url: `https://${address}` })).cookies.jar !== null);
    }
    expect(chosen).toEqual([true, true, false, false, false]);
  });

  it("are sent with a job as its request says", async () => {
    await set(jarText());
    expect((await start({ cookies: "never" })).cookies).toEqual({ mode: "never", jar: null });
    expect((await start({ cookies: "always" })).cookies.mode).toBe("always");
    const refused = await worker.call("POST", "/jobs", {
      key: account.key,
      body: onSite({ cookies: "maybe" }),
    });
    expect(await refused.json()).toMatchObject({ error: "cookies must be one of never, fallback, always" });
  });
});

describe("the operator's cookies", () => {
  const save = (value: string) =>
    worker.operator<{ message: string }>("PUT", `/admin/cookies/${site}`, { cookies: jarText(value) });

  it("serve accounts that have none of their own", async () => {
    expect(await save("of-operator")).toMatchObject({ message: `Cookies for ${site} saved` });
    expect(jarOf(await start())).toMatchObject({ owner: "operator", text: jarText("of-operator") });
    await set(jarText("of-account"));
    expect(jarOf(await start())).toMatchObject({ owner: "account", text: jarText("of-account") });
    expect(await jars()).toHaveLength(1);
    expect(await worker.operator("GET", "/admin/cookies")).toMatchObject({ cookies: [{ site }] });
    await worker.operator("DELETE", `/admin/cookies/${site}`);
    expect(await worker.operator("GET", "/admin/cookies")).toEqual({ cookies: [] });
  });

  it("take the place of an account's that are stale, and no caller is informed of theirs", async () => {
    await save("of-operator");
    await set(jarText("of-account"));
    for (let run = 0; run < 2; run++) await refuse(await start({ webhook_url: hook }));
    expect(jarOf(await start())).toMatchObject({ owner: "operator" });
    for (let run = 0; run < 2; run++) await refuse(await start({ webhook_url: hook }));
    expect((await start()).cookies.jar).toBeNull();
    const { results } = await env.DB.prepare(
      "select count(*) as events from webhook_deliveries where account_id = ? and type = 'cookies_stale'",
    )
      .bind(account.id)
      .all();
    expect(results).toEqual([{ events: 1 }]);
  });

  it("alert the operator once when they become stale, and again after they were replaced", async () => {
    worker = new Harness({ ALERT_WEBHOOK_URL: "https://hooks.example.com/alerts" });
    const alerts = () => worker.network.posts.map(({ body }) => JSON.parse(body) as object);
    const [first, second] = [1, 2].map((count) =>
      Array.from({ length: count }, () => ({
        ...{ type: "cookies_stale", site, reason: "login_required", changed_at: worker.now },
        text: expect.stringContaining(site),
      })),
    );
    for (const expected of [first, second]) {
      await save("of-operator");
      await refuse(await start());
      await worker.reconcile();
      await refuse(await start());
      for (let round = 0; round < 2; round++) await worker.reconcile();
      expect(alerts()).toMatchObject(expected ?? []);
    }
  });
});

describe("what a run reports", () => {
  it("renews the cookies, also when two runs report at the same time", async () => {
    await set(jarText());
    const [one, two] = [await start(), await start()];
    worker.now += 1_000;
    await Promise.all([
      succeed(one, line(`.${site}`, "sid", "renewed")),
      succeed(two, `${line(`.${site}`, "added", "1")}\n${line(`.${site}`, "gone", "", 1)}`),
    ]);
    const lines = jarOf(await start()).text.split("\n");
    expect(lines).toEqual(
      expect.arrayContaining([line(`.${site}`, "sid", "renewed"), line(`.${site}`, "added", "1")]),
    );
    expect(await jars()).toMatchObject([{ cookies: 2, renewed_at: worker.now, used_at: worker.now }]);
  });

  it("changes nothing if the run lost its job, or the cookies were replaced meanwhile", async () => {
    await set(jarText());
    const run = await start();
    const lost = { ...run, attempt: run.attempt + 1 };
    expect((await succeed(lost, line(`.${site}`, "sid", "zombie"))).status).toBeGreaterThanOrEqual(400);
    await set(jarText("replaced"));
    await succeed(run, line(`.${site}`, "sid", "renewed"));
    await refuse(await start());
    expect(jarOf(await start()).text).toBe(jarText("replaced"));
  });

  it("makes cookies stale when they are refused twice in a row, until they are replaced", async () => {
    await set(jarText());
    await refuse(await start());
    await succeed(await start());
    await refuse(await start({ webhook_url: hook }));
    expect(await jars()).toMatchObject([{ state: "active" }]);
    const last = await start({ webhook_url: hook, metadata: { order: "7" } });
    await refuse(last);
    expect(await jars()).toMatchObject([
      { state: "stale", stale_at: worker.now, stale_code: "login_required" },
    ]);
    expect((await start()).cookies.jar).toBeNull();

    await worker.reconcile();
    await worker.consumeDeliveryQueue();
    const events = worker.network.posts
      .map(bodyOf)
      .filter(({ type, site: named }) => type === "cookies_stale" && named === site);
    expect(events).toEqual([
      {
        ...{ type: "cookies_stale", site, job_id: last.job_id, error_code: "login_required" },
        error: `${site} refused the stored cookies twice; they are not used until you replace them`,
        metadata: { order: "7" },
      },
    ]);
    // the job's own event is the one that its webhook fields are about
    expect(await worker.job(account.key, last.job_id)).toMatchObject({ webhook_status: "delivered" });

    await set(jarText());
    expect(await jars()).toMatchObject([{ state: "active", stale_at: null, stale_code: null }]);
    expect((await start()).cookies.jar).not.toBeNull();
  });
});

describe("probes", () => {
  const found = (cookies: object = {}) =>
    Response.json({
      v: 1,
      outcome: {
        type: "found",
        media: {
          ...{
            title: "A",
            duration: 1,
            width: 16,
            height: 9,
            extractor: null,
            uploader: null,
            thumbnail: null,
          },
          ...{ description: null, view_count: null, like_count: null, upload_date: null },
          ...{ filesize_approx: null, is_live: false, formats: [] },
        },
        ...{ streams: [], estimated_size: null, ...cookies },
      },
    });

  it.each(["/metadata", "/is-short", "/jobs/plan"])("of %s use them and renew them", async (path) => {
    await set(jarText());
    const { id } = jarOf(await start());
    worker.network.onProbe = () =>
      found({ cookies: { id, result: "accepted", updated: line(`.${site}`, "sid", "probed") } });
    const ask = (cookies?: string) =>
      worker.call("POST", path, { key: account.key, body: onSite(cookies === undefined ? {} : { cookies }) });
    expect((await ask()).status).toBe(200);
    expect(worker.network.probes.at(-1)?.cookies).toMatchObject({
      mode: "fallback",
      jar: { text: jarText() },
    });
    await ask("never");
    expect(worker.network.probes.at(-1)?.cookies).toEqual({ mode: "never", jar: null });
    expect(jarOf(await start()).text).toBe(jarText("probed"));
  });
});

describe("the vault", () => {
  const base64 = (byte: number) => btoa(String.fromCharCode(...new Uint8Array(32).fill(byte)));
  const [old, next] = [`tests:${base64(7)}`, `next:${base64(8)}`];

  it("is sealed again with a new key, and opens without the old one", async () => {
    await set(jarText());
    const both = new Harness({ SEALING_KEYS: `${next},${old}` });
    expect(await both.operator("POST", "/admin/reseal")).toMatchObject({ unreadable: 0 });
    const rotated = new Harness({ SEALING_KEYS: next });
    expect(jarOf(await rotated.start(account.key, onSite())).text).toBe(jarText());
    // a row that was given to another account does not open
    const other = await worker.account();
    await env.DB.prepare("update cookie_jars set owner = ?").bind(other.id).run();
    expect((await rotated.start(other.key, onSite())).cookies.jar).toBeNull();
    expect(JSON.stringify(rotated.logs)).toContain("cookies_unreadable");
  });

  it("is read by its index", async () => {
    const { db } = worker.context();
    await expectIndexed(jarsQuery(db, account.id));
    await expectIndexed(jarsForUrlQuery(db, account.id, "https://a.example/"));
  });
});
