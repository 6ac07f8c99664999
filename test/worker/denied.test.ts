import { beforeEach, describe, expect, it } from "vitest";
import type { Denial } from "../../schema/api/operator/denied.ts";
import type { RunRequest } from "../../schema/wire/run.ts";
import { completed, delivery } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { identity } from "./support/source.ts";
import { s3 } from "./support/storages.ts";

/** What the operator denies is delivered by no way: not by another form of its address, not by a copy, not by a retry. */

const PAGE = "https://site.example.org/watch/film";
const CONTACT = "legal@example.com";

let worker: Harness;
let account: { id: string; key: string };

beforeEach(async () => {
  for (const table of ["jobs", "job_media", "denials", "denial_terms", "takedown_jobs", "batches"])
    await env.DB.exec(`delete from ${table}`);
  worker = new Harness({ REUSE_HOURS: "24", RIGHTS_CONTACT: CONTACT });
  account = await worker.account();
});

const deny = (kind: Denial["kind"], value: string, more: object = {}): Promise<Denial> =>
  worker.operator<Denial>("POST", "/admin/denied", { kind, value, ...more });
const post = (path: string, body: object) => worker.call("POST", path, { key: account.key, body });
const jobOf = (id: string) => worker.job(account.key, id);
const upload = (run: RunRequest) => worker.report(run, "upload", { key: "videos/a.mp4", ref: "u" });

describe("a denial", () => {
  it("is created, listed, read and removed, and each change is logged", async () => {
    const asked = { reason: "copyright", note: "from the label", reference: "TD-17" };
    const made = await deny("url", `${PAGE}?token=secret-of-an-address`, asked);
    expect(made).toMatchObject({ kind: "url", value: `${PAGE}?token=***`, ...asked, takedown: null });
    await deny("site", "Example.net");
    const path = `/admin/denied/${made.id}`;
    expect(await worker.operator("GET", path)).toEqual(made);
    const page = await worker.operator<{ denied: Denial[]; next_cursor: string }>(
      "GET",
      "/admin/denied?limit=1",
    );
    expect(page.denied).toMatchObject([{ value: "Example.net" }]);
    const next = await worker.operator("GET", `/admin/denied?limit=1&cursor=${page.next_cursor}`);
    expect(next).toMatchObject({ denied: [{ id: made.id }], next_cursor: null });
    expect(await worker.operator("GET", "/admin/denied?kind=hash")).toMatchObject({ denied: [] });
    await worker.operator("DELETE", path);
    expect(await worker.operator("GET", path)).toMatchObject({ code: "not_found" });
    expect(await worker.operator("DELETE", path)).toMatchObject({ code: "not_found" });
    const { entries } = await worker.operator<{ entries: { action: string; subject: string }[] }>(
      "GET",
      "/admin/audit?limit=100",
    );
    const own = entries.filter(({ subject }) => subject === made.id).map(({ action }) => action);
    expect(own).toEqual(["denied.removed", "denied.created"]);
    expect(JSON.stringify(entries)).not.toContain("secret-of-an-address");
    expect((await post("/jobs", { url: `${PAGE}?token=secret-of-an-address` })).status).toBe(201);
  });

  it.each([
    ["url", "ftp://example.com/a"],
    ["site", "no host at all"],
    ["channel", "just-a-name"],
    ["hash", "abc"],
  ] as const)("of the kind %s is refused with the value %s", async (kind, value) => {
    const refused = await deny(kind, value);
    expect(refused).toMatchObject({ code: "invalid_request", issues: [{ path: "value" }] });
  });

  it("is nobody's but the operator's", async () => {
    expect((await post("/admin/denied", { kind: "site", value: "example.org" })).status).toBe(401);
  });
});

describe("a denied source is refused", () => {
  it.each(["/jobs", "/jobs/plan", "/metadata", "/is-short"])("by POST %s", async (path) => {
    await deny("url", PAGE, { reference: "TD-17" });
    const response = await post(path, { url: `http://WWW.site.example.org/watch//film/?utm_source=x#t=1` });
    expect(response.status).toBe(451);
    expect(response.headers.get("link")).toBe('<https://waterspout.example/>; rel="blocked-by"');
    const { code, error } = await response.json<{ code: string; error: string }>();
    expect(code).toBe("denied");
    expect(error).toContain("The operator of this service decided");
    expect(error).toContain(`Ask ${CONTACT} and name the reference TD-17`);
    expect(worker.network.probes.filter(({ kind }) => kind === "plan")).toEqual([]);
  });

  it("by a subscription, and by its plan", async () => {
    await deny("channel", "https://www.youtube.com/@Handle");
    const url = "https://youtube.com/@handle/videos";
    expect((await post("/subscriptions", { url })).status).toBe(451);
    expect((await post("/subscriptions/plan", { url })).status).toBe(451);
    expect((await post("/jobs", { url })).status).toBe(451);
  });

  it("in a batch, whose other entries go on", async () => {
    await deny("site", "bad.example.net");
    const { job_ids } = await (
      await post("/jobs/bulk", {
        jobs: [{ url: "https://a.bad.example.net/1.mp4" }, { url: "https://good.example.org/2.mp4" }],
      })
    ).json<{ job_ids: string[] }>();
    const [denied, other] = await Promise.all(job_ids.map(jobOf));
    expect(denied).toMatchObject({ status: "Skipped", error_code: "denied", error_type: "warning" });
    expect(denied?.error).toContain(CONTACT);
    expect(other).toMatchObject({ status: "Pending", error_code: null });
  });

  it("in a list", async () => {
    await deny("url", "https://youtu.be/aqz-KE-bpKQ");
    const entry = { mediaUrl: null, sourceId: null, description: null, releaseDate: null, skipped: null };
    worker.onListing = () => ({
      ...{ kind: "playlist", title: "A list" },
      entries: ["aqz-KE-bpKQ", "bbbbbbbbbbb"].map((id) => ({
        ...entry,
        url: `https://www.youtube.com/watch?v=${id}`,
        title: id,
      })),
    });
    const list = await post("/jobs", { url: "https://www.youtube.com/playlist?list=PL1234" });
    const { video_jobs } = await list.json<{ video_jobs: string[] }>();
    const jobs = await Promise.all(video_jobs.map(jobOf));
    expect(jobs.map(({ error_code }) => error_code)).toEqual(["denied", null]);
  });

  it("when its job is retried", async () => {
    const run = await worker.start(account.key, { url: PAGE });
    await worker.report(run, "outcome", {
      outcome: { type: "failed", code: "unavailable", retry_after_ms: null, title: null },
    });
    await deny("url", PAGE);
    expect((await post(`/jobs/${run.job_id}/retry`, {})).status).toBe(451);
  });

  it("when its job is about to run that was accepted before", async () => {
    const id = await worker.create(account.key, { url: PAGE });
    await deny("site", "example.org");
    await worker.consumeDispatchQueue();
    expect(worker.network.runs).toEqual([]);
    expect(await jobOf(id)).toMatchObject({ status: "Skipped", error_code: "denied" });
  });
});

describe("a run", () => {
  it("is not asked whose media it reads while nothing is denied", async () => {
    expect(await worker.start(account.key)).not.toHaveProperty("reports_source");
    await deny("site", "example.net");
    const run = await worker.start(account.key, { url: PAGE });
    expect(run).toHaveProperty("reports_source", true);
  });

  it.each([
    ["url", "https://elsewhere.example/real", { urls: ["https://www.elsewhere.example/real/"] }],
    ["site", "elsewhere.example", { urls: ["https://cdn.elsewhere.example/x.m3u8"] }],
    ["site", "vimeo", { extractor: "vimeo:album" }],
    ["channel", "youtube UCabc", { extractor: "youtube", channels: ["UCabc"] }],
    ["channel", "https://v.example/c/Name", { channel_urls: ["https://v.example/c/name"] }],
    ["url", "https://youtu.be/aqz-KE-bpKQ", { extractor: "youtube", media: "Youtube aqz-KE-bpKQ" }],
  ] as const)("ends when it finds out that its source is denied by %s %s", async (kind, value, found) => {
    await deny(kind, value);
    const run = await worker.start(account.key);
    const report = { identity: identity(found as Partial<ReturnType<typeof identity>>) };
    expect((await worker.report(run, "source", report)).status).toBe(409);
    const job = await jobOf(run.job_id);
    expect(job).toMatchObject({ status: "Skipped", error_code: "denied" });
    // a report that arrives late changes nothing
    expect((await worker.report(run, "outcome", completed)).status).toBe(409);
    expect(await jobOf(run.job_id)).toMatchObject({ status: "Skipped", s3_key: null });
  });

  it("does not publish what was denied after it began", async () => {
    const run = await worker.start(account.key);
    await upload(run);
    await deny("channel", "youtube UCabc");
    const report = { identity: identity({ extractor: "youtube", channels: ["UCabc"] }) };
    expect((await worker.report(run, "publish", report)).status).toBe(409);
    expect(await jobOf(run.job_id)).toMatchObject({ status: "Skipped", error_code: "denied" });
  });

  it("does not publish a file whose hash is denied", async () => {
    await deny("hash", String(delivery.sha256).toUpperCase());
    const run = await worker.start(account.key);
    await upload(run);
    expect((await worker.report(run, "publish", { sha256: delivery.sha256 })).status).toBe(409);
    expect(await jobOf(run.job_id)).toMatchObject({ error_code: "denied" });
  });

  it("does not publish a copy of what was delivered before the denial", async () => {
    const first = await worker.start(account.key, { url: PAGE });
    await upload(first);
    const found = identity({ extractor: "vimeo", media: "Vimeo 1" });
    expect((await worker.report(first, "publish", { identity: found })).status).toBe(200);
    const delivered = {
      ...delivery,
      key: "videos/a.mp4",
      source: { media: "Vimeo 1", name: "a", version: null },
    };
    await worker.report(first, "outcome", { outcome: { type: "completed", delivery: delivered } });
    await deny("url", PAGE);
    // another address that the processor has found out to be the same media
    const run = await worker.start(account.key, { url: "https://mirror.example.com/x" });
    await upload(run);
    const answer = await worker.report(run, "publish", { copy_of: first.job_id });
    expect(answer.status).toBe(409);
    expect(await jobOf(run.job_id)).toMatchObject({ error_code: "denied" });
  });

  it("of a processor that reports no identity is refused by its address", async () => {
    const run = await worker.start(account.key, { url: PAGE, storage: s3 });
    await upload(run);
    await deny("url", PAGE);
    expect((await worker.report(run, "publish")).status).toBe(409);
  });
});

it.each([
  "https://www.SITE.example.org/watch/%66ilm/?utm_source=x",
  "http://site.example.org./watch/film#top",
])("%s is another form of a denied address", async (url) => {
  await deny("url", PAGE);
  expect((await post("/jobs", { url })).status).toBe(451);
});
