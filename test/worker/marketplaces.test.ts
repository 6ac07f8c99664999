import { beforeEach, describe, expect, it } from "vitest";
import type { Job } from "../../schema/api/job.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { s3 } from "./support/storages.ts";
import { withProvider } from "./support/with-provider.ts";

/** Callers that come through the gateway of a marketplace. */

let worker: Harness;
let account: { id: string; key: string };

beforeEach(async () => {
  await env.DB.exec("delete from jobs");
  worker = withProvider(new Harness());
  account = await worker.account();
});

const url = "https://media.example.com/a.mp4";
const rows = async (table: string) =>
  (await env.DB.prepare(`select * from ${table}`).all<Record<string, unknown>>()).results;

describe("callers of marketplaces", () => {
  const gateway = (user: string, tier: string, secret = "gateway-secret-of-the-tests") => ({
    "x-rapidapi-proxy-secret": secret,
    "x-rapidapi-user": user,
    "x-rapidapi-subscription": tier,
  });
  const post = (headers: Record<string, string>, body: object) =>
    worker.call("POST", "/jobs", { headers, body: { url, ...body } });

  it("through RapidAPI get an account at the first call, whose limits follow the tier", async () => {
    const user = `jane-${crypto.randomUUID()}`;
    const limitsOf = async () =>
      (await rows("accounts"))
        .filter(({ name }) => name === user)
        .map(({ source, limits }) => [source, JSON.parse(String(limits)).max_concurrent_jobs]);
    expect((await post(gateway(user, "BASIC"), { storage: s3 })).status).toBe(201);
    expect(await limitsOf()).toEqual([["rapidapi", 2]]);
    expect((await post(gateway(user, "mega"), { storage: s3 })).status).toBe(201);
    expect(await limitsOf()).toEqual([["rapidapi", 100]]);
    const listed = await worker.call("GET", "/jobs", { headers: gateway(user, "mega") });
    const { jobs } = await listed.json<{ jobs: Job[] }>();
    expect(jobs.map(({ marketplace_source }) => marketplace_source)).toEqual(["rapidapi", "rapidapi"]);
    await post(gateway(user, "mega"), { storage: s3 });
    expect(worker.logs.findLast(({ route }) => route === "/jobs")).toMatchObject({ d1_calls: 1 });
  });

  it("keep what the operator set for them when they change their plan", async () => {
    const user = `ann-${crypto.randomUUID()}`;
    await post(gateway(user, "BASIC"), { storage: s3 });
    const [row] = (await rows("accounts")).filter(({ name }) => name === user);
    const limits = { max_concurrent_jobs: 7 };
    await worker.operator("PATCH", `/admin/accounts/${row?.id}`, { limits });
    await post(gateway(user, "PRO"), { storage: s3 });
    const account = await worker.operator("GET", `/admin/accounts/${row?.id}`);
    expect(account).toMatchObject({ limits: { max_concurrent_jobs: 7, max_resolution: 2160 } });
  });

  it("have the plans that the operator configured, and an unknown one is the lowest and is logged", async () => {
    const user = `tom-${crypto.randomUUID()}`;
    const plans = { free: { max_concurrent_jobs: 1 }, CUSTOM: { max_concurrent_jobs: 50 } };
    const limitsOf = async () =>
      (await rows("accounts"))
        .filter(({ name }) => name === user)
        .map(({ limits }) => JSON.parse(String(limits)));
    worker = withProvider(new Harness({ RAPIDAPI_PLANS: JSON.stringify(plans) }));
    await post(gateway(user, "CUSTOM"), { storage: s3 });
    expect(await limitsOf()).toEqual([{ max_concurrent_jobs: 50 }]);
    await post(gateway(user, "ULTRA"), { storage: s3 });
    expect(await limitsOf()).toEqual([{ max_concurrent_jobs: 1 }]);
    expect(worker.logs).toContainEqual(
      expect.objectContaining({ event: "unknown_plan", plan: "ULTRA", used: "FREE" }),
    );
    const changed = { ...plans, free: { max_concurrent_jobs: 2 } };
    worker = withProvider(new Harness({ RAPIDAPI_PLANS: JSON.stringify(changed) }));
    await post(gateway(user, "ULTRA"), { storage: s3 });
    expect(await limitsOf()).toEqual([{ max_concurrent_jobs: 2 }]);
  });

  it("are billed for the jobs that a call creates", async () => {
    const headers = gateway("bill", "PRO");
    const billed = async (response: Promise<Response>) => (await response).headers.get("x-rapidapi-billing");
    expect(await billed(post(headers, { storage: s3 }))).toBe("Jobs=1");
    const jobs = [{ url }, { url: `${url}?2` }];
    const bulk = { headers, body: { jobs, storage: s3 } };
    expect(await billed(worker.call("POST", "/jobs/bulk", bulk))).toBe("Jobs=2");
    expect(await billed(worker.call("GET", "/jobs", { headers }))).toBe("Jobs=0");
    expect(await billed(post(headers, {}))).toBe("Jobs=0");
    expect(await billed(worker.call("GET", "/jobs", { key: account.key }))).toBeNull();
  });

  it("must send storage with each job, and have no settings", async () => {
    const headers = gateway("joe", "PRO");
    const refused = await post(headers, {});
    expect([refused.status, (await refused.json<{ code: string }>()).code]).toEqual([
      400,
      "storage_required",
    ]);
    for (const [method, path] of [
      ["GET", "/user/s3"],
      ["POST", "/user/bucket"],
      ["DELETE", "/user/oss"],
    ] as const) {
      expect((await worker.call(method, path, { headers })).status).toBe(403);
    }
  });

  it("of other marketplaces come with a key, and must send storage too", async () => {
    const { id } = await worker.operator<{ id: string }>("POST", "/admin/accounts", {
      name: "apify",
      source: "apify",
    });
    const { api_key } = await worker.operator<{ api_key: string }>("POST", `/admin/accounts/${id}/keys`);
    const ask = (body: object) => worker.call("POST", "/jobs", { key: api_key, body: { url, ...body } });
    expect(await (await ask({})).json()).toMatchObject({ code: "storage_required" });
    expect((await ask({ storage: s3 })).status).toBe(201);
  });

  it("are refused with a wrong secret, without a name, when they are disabled, or when no gateway is set up", async () => {
    const statusOf = async (response: Promise<Response>) => (await response).status;
    expect(await statusOf(post(gateway("eve", "MEGA", "wrong"), {}))).toBe(401);
    expect(await statusOf(post(gateway("", "MEGA"), {}))).toBe(401);
    await post(gateway("gone", "PRO"), {});
    await env.DB.exec("update accounts set disabled_at = 1 where name = 'gone'");
    worker = withProvider(new Harness());
    expect(await statusOf(post(gateway("gone", "PRO"), {}))).toBe(401);
    worker = new Harness({ RAPIDAPI_PROXY_SECRET: "" });
    expect(await statusOf(post(gateway("jane", "PRO", ""), {}))).toBe(401);
  });
});
