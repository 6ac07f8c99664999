import { beforeEach, describe, expect, it } from "vitest";
import { SCOPES } from "../../schema/api/account.ts";
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
const makeKey = () => makeApiKey((length) => crypto.getRandomValues(new Uint8Array(length)));

/** A body that the route accepts. */
const bodyFor = ({ path }: Endpoint) =>
  path.startsWith("/subscriptions") ? { name: "x" } : { renames: [{ job_id: ID, filename: "x" }] };

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
      const response = await worker.call(route.method, pathOf(route), { key });
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ error });
      if (key !== unknown) expect(worker.logs.at(-1)).toMatchObject({ d1_calls: 0 });
    }
  });

  it.each(of("key").filter(([, { path }]) => path.includes("{id}")))(
    "%s treats another account's job like an unknown one, and refuses anything but a UUID",
    async (_, route) => {
      const [owner, stranger] = [await worker.account(), await worker.account()];
      const id = await worker.create(owner.key);
      const ask = async (jobId: string) => {
        const response = await worker.call(route.method, pathOf(route).replace(ID, jobId), {
          key: stranger.key,
          body: route.body?.required ? bodyFor(route) : undefined,
        });
        const { request_id, ...facts } = await response.json<{ request_id: string }>();
        expect(request_id).toBe(response.headers.get("x-request-id"));
        return [response.status, facts];
      };
      expect(await ask(id)).toEqual(await ask(ID));
      const error = expect.stringMatching(
        /^There is no (job|batch|subscription|webhook delivery) with this id$/,
      );
      expect(await ask(id)).toEqual([404, { error, code: "not_found" }]);
      expect(await ask("1")).toMatchObject([400, { issues: [{ path: "id", message: "must be a UUID" }] }]);
    },
  );

  it("accepts the key as a bearer token too, and ids in upper case", async () => {
    const { key } = await worker.account();
    const id = await worker.create(key);
    const headers = { authorization: `Bearer ${key}` };
    expect((await worker.call("GET", `/jobs/${id.toUpperCase()}`, { headers })).status).toBe(200);
  });
});

describe("a key with scopes", () => {
  const allowed: Record<string, string> = { GET: "read", POST: "write", PATCH: "write", DELETE: "write" };
  const isStorage = /^\/user\/(storage|s3|bucket|blob|gcs|oss|gdrive|cookies|slack|webhook-secret)/;

  it.each(of("key"))(
    "is allowed to call %s only with the scope that it needs, which the refusal names",
    async (_, route) => {
      const needed = isStorage.test(route.path) ? "storage" : allowed[route.method];
      for (const scope of SCOPES) {
        const { key } = await worker.account({}, { scopes: [scope] });
        const response = await worker.call(route.method, pathOf(route), { key });
        const { code, error } = await response.json<{ code?: string; error?: string }>();
        if (scope === needed) expect(code).not.toBe("forbidden");
        else
          expect([response.status, code, error]).toEqual([
            403,
            "forbidden",
            `This key lacks the scope "${needed}"`,
          ]);
        expect(response.headers.has("ratelimit")).toBe(true);
      }
    },
  );
});

describe("every route for the operator", () => {
  it.each(of("admin"))(
    "%s refuses a request without a token, with a wrong one and with a caller's key",
    async (_, route) => {
      const { key } = await worker.account();
      for (const headers of [
        {},
        { authorization: "Bearer operator-token-of-the-test" },
        { authorization: `Bearer ${key}` },
        { "x-api-key": env.ADMIN_TOKEN },
      ] as Record<string, string>[]) {
        expect((await worker.call(route.method, pathOf(route), { headers })).status).toBe(401);
      }
    },
  );
});

it("the API has no other routes: unknown paths are not found", async () => {
  for (const [method, path] of [
    ["GET", "/jobs/"],
    ["POST", "/jobs/plan/more"],
    ["GET", "/docs/package.json"],
    ["GET", "/docs/..%2Fpackage.json"],
    ["GET", "/docs/home.html"],
    ["GET", "/docs/none.js"],
    ["GET", "/ui/..%2Fdocs%2Fhome.html"],
    ["GET", "/ui/package.json"],
    ["GET", "/ui/absent.js"],
    ["GET", "/console/x"],
  ] as const) {
    const response = await worker.call(method, path);
    const { error, code } = await response.json<{ error: string; code: string }>();
    expect([path, response.status, code]).toEqual([path, 404, "not_found"]);
    expect(error).toMatch(/^There is no (such route|page at this address)/);
  }
});

it.each([
  ["PUT", "/jobs", "GET, HEAD, POST"],
  ["POST", `/jobs/${ID}`, "DELETE, GET, HEAD"],
  ["DELETE", "/user/storage/test", "POST"],
  ["GET", "/internal/heartbeat", "POST"],
  ["OPTIONS", "/healthz", "GET, HEAD"],
])("the API answers %s %s with 405 and the methods that the path allows", async (method, path, allow) => {
  const response = await worker.call(method, path);
  expect([response.status, response.headers.get("allow")]).toEqual([405, allow]);
  expect(await response.json()).toMatchObject({
    code: "method_not_allowed",
    error: `This route does not take ${method}; it takes ${allow}`,
  });
});
