import { beforeEach, describe, expect, it } from "vitest";
import type { Endpoint } from "../../schema/api/endpoint.ts";
import { endpoints } from "../../schema/api/endpoints.ts";
import { makeApiKey } from "../../worker/lib/api-key.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";

let worker: Harness;

beforeEach(() => {
  worker = new Harness();
});

const ID = "01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c17";
const pathOf = ({ path }: Endpoint): string => path.replaceAll(/\{\w+\}/g, ID);
const routes = Object.values<Endpoint>(endpoints);
const of = (auth: string) =>
  routes
    .filter((route) => route.auth === auth)
    .map((route) => [`${route.method} ${route.path}`, route] as const);
const operator = { authorization: `Bearer ${env.ADMIN_TOKEN}` };
const makeKey = () => makeApiKey((length) => crypto.getRandomValues(new Uint8Array(length)));

describe("every route for callers", () => {
  it.each(of("key"))("%s refuses a missing, a mistyped and an unknown key", async (_, route) => {
    const unknown = makeKey();
    const mistyped = `${unknown.slice(0, -1)}${unknown.endsWith("a") ? "b" : "a"}`;
    for (const [key, error] of [
      [undefined, "Missing x-api-key header"],
      [mistyped, "Invalid API Key"],
      [unknown, "Invalid API Key"],
      ["", "Invalid API Key"],
      ["sk_live_' or 1=1 --", "Invalid API Key"],
    ] as const) {
      const answer = await worker.call(route.method, pathOf(route), { key });
      expect(answer.status).toBe(401);
      expect(await answer.json()).toMatchObject({ error });
      if (key !== unknown) expect(worker.logs.at(-1)).toMatchObject({ d1_calls: 0 });
    }
  });

  it.each(of("key").filter(([, { params }]) => params !== undefined))(
    "%s answers another account's job like an unknown one, and refuses what is no UUID",
    async (_, route) => {
      const [owner, stranger] = [await worker.account(), await worker.account()];
      const id = await worker.create(owner.key);
      const ask = async (jobId: string) => {
        const answer = await worker.call(route.method, pathOf(route).replace(ID, jobId), {
          key: stranger.key,
          body: route.body?.required ? { renames: [{ job_id: ID, filename: "x" }] } : undefined,
        });
        const { request_id, ...facts } = await answer.json<{ request_id: string }>();
        expect(request_id).toBe(answer.headers.get("x-request-id"));
        return [answer.status, facts];
      };
      expect(await ask(id)).toEqual(await ask(ID));
      expect(await ask(id)).toEqual([404, { error: "Not found", code: "not_found" }]);
      expect(await ask("1")).toMatchObject([400, { issues: [{ path: "id", message: "must be a UUID" }] }]);
    },
  );

  it("takes the key as a bearer too, and ids in upper case", async () => {
    const { key } = await worker.account();
    const id = await worker.create(key);
    const headers = { authorization: `Bearer ${key}` };
    expect((await worker.call("GET", `/jobs/${id.toUpperCase()}`, { headers })).status).toBe(200);
  });
});

describe("every route for the operator", () => {
  it.each(of("admin"))("%s refuses no token, a wrong one and a caller's key", async (_, route) => {
    const { key } = await worker.account();
    for (const headers of [
      {},
      { authorization: "Bearer operator-token-of-the-test" },
      { authorization: `Bearer ${key}` },
      { "x-api-key": env.ADMIN_TOKEN },
    ] as Record<string, string>[]) {
      expect((await worker.call(route.method, pathOf(route), { headers })).status).toBe(401);
    }
  });
});

it("has no other routes: unknown paths and methods are not found", async () => {
  for (const [method, path] of [
    ["GET", "/"],
    ["PUT", "/jobs"],
    ["GET", "/jobs/"],
    ["GET", "/internal/heartbeat"],
    ["GET", "/docs/package.json"],
    ["GET", "/docs/..%2Fpackage.json"],
    ["GET", "/swagger-ui.css"],
  ] as const) {
    const answer = await worker.call(method, path);
    expect([path, answer.status]).toEqual([path, 404]);
  }
});

describe("keys", () => {
  it("are shown once, listed without their secret, and stored as a hash", async () => {
    const { id, key } = await worker.account();
    const { keys } = await worker.operator<{ keys: object[] }>("GET", `/admin/accounts/${id}/keys`);
    expect(keys).toMatchObject([{ prefix: key.slice(0, 12), last4: key.slice(-4), revoked_at: null }]);
    expect(JSON.stringify(keys)).not.toContain(key);
    const { results } = await env.DB.prepare("select * from api_keys").all();
    expect(JSON.stringify(results)).not.toContain(key);
  });

  it("stop within a minute of being revoked, and cost no look-up until then", async () => {
    const { id, key } = await worker.account();
    await worker.call("GET", "/jobs", { key });
    await worker.call("GET", "/jobs", { key });
    expect(worker.logs.at(-1)).toMatchObject({ d1_calls: 1 });
    const { keys } = await worker.operator<{ keys: { id: string }[] }>("GET", `/admin/accounts/${id}/keys`);
    const path = `/admin/accounts/${id}/keys/${keys[0]?.id}`;
    expect(await worker.operator("DELETE", path)).toMatchObject({ message: "Key revoked" });
    expect(await worker.operator("DELETE", path)).toMatchObject({ message: "Key revoked" });
    worker.now += 60_000;
    expect((await worker.call("GET", "/jobs", { key })).status).toBe(401);
  });

  it("stop within a minute of the account being disabled, and work again when it is enabled", async () => {
    const { id, key } = await worker.account();
    await worker.call("GET", "/jobs", { key });
    expect(await worker.operator("PATCH", `/admin/accounts/${id}`, { disabled: true })).toMatchObject({
      disabled: true,
    });
    worker.now += 60_000;
    expect((await worker.call("GET", "/jobs", { key })).status).toBe(401);
    await worker.operator("PATCH", `/admin/accounts/${id}`, { disabled: false });
    worker.now += 5_000;
    expect((await worker.call("GET", "/jobs", { key })).status).toBe(200);
  });

  it("of another account are not revoked", async () => {
    const [one, other] = [await worker.account(), await worker.account()];
    const { keys } = await worker.operator<{ keys: { id: string }[] }>(
      "GET",
      `/admin/accounts/${one.id}/keys`,
    );
    const answer = await worker.call("DELETE", `/admin/accounts/${other.id}/keys/${keys[0]?.id}`, {
      headers: operator,
    });
    expect(answer.status).toBe(404);
  });
});

describe("accounts", () => {
  it("are created, listed, renamed and limited; limits that are not named stay", async () => {
    const account = await worker.operator<{ id: string }>("POST", "/admin/accounts", {
      name: " Ada ",
      limits: { max_concurrent_jobs: 3, storage_bytes: 10 },
    });
    expect(account).toMatchObject({ name: "Ada", source: "direct", disabled: false });
    const changed = await worker.operator("PATCH", `/admin/accounts/${account.id}`, {
      name: "Lovelace",
      limits: { storage_bytes: null },
    });
    expect(changed).toMatchObject({
      name: "Lovelace",
      limits: { max_concurrent_jobs: 3, storage_bytes: null },
    });
    const { accounts } = await worker.operator<{ accounts: unknown[] }>("GET", "/admin/accounts");
    expect(accounts).toContainEqual(changed);
  });

  it("refuse what is not valid and tell what is not there", async () => {
    const call = (method: string, path: string, body?: unknown) =>
      worker.call(method, path, { headers: operator, body });
    expect((await call("POST", "/admin/accounts", { name: "" })).status).toBe(400);
    expect((await call("POST", "/admin/accounts", { name: "a", source: "nobody" })).status).toBe(400);
    expect((await call("PATCH", `/admin/accounts/${ID}`, { name: "b" })).status).toBe(404);
    expect((await call("POST", `/admin/accounts/${ID}/keys`)).status).toBe(404);
    expect((await call("GET", `/admin/accounts/${ID}/keys`)).status).toBe(404);
  });
});
