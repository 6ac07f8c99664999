import { beforeEach, describe, expect, it } from "vitest";
import type { AuditEntry } from "../../schema/api/audit.ts";
import { accountPageQuery } from "../../worker/db/account-rows.ts";
import { auditPageQuery } from "../../worker/db/audit-rows.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { expectIndexed } from "./support/query-plan.ts";

const ID = "01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c17";
const HOUR = 60 * 60_000;
const operator = { authorization: `Bearer ${env.ADMIN_TOKEN}` };

let worker: Harness;

beforeEach(() => {
  worker = new Harness();
});

interface Key {
  readonly id: string;
  readonly api_key: string;
  readonly expires_at: number | null;
  readonly allowed_ips: string[] | null;
}
const statusOf = async (key: string): Promise<number> => (await worker.call("GET", "/jobs", { key })).status;
const makeKey = (accountId: string, body: object = {}): Promise<Key> =>
  worker.operator<Key>("POST", `/admin/accounts/${accountId}/keys`, body);
const roll = (accountId: string, keyId: string, body?: object) =>
  worker.call("POST", `/admin/accounts/${accountId}/keys/${keyId}/roll`, { headers: operator, body });
const revoke = (accountId: string, keyId: string) =>
  worker.operator("DELETE", `/admin/accounts/${accountId}/keys/${keyId}`);
const audit = async (query: string): Promise<AuditEntry[]> =>
  (await worker.operator<{ entries: AuditEntry[] }>("GET", `/admin/audit?${query}`)).entries;

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

  it("expire to the millisecond, even when they are cached", async () => {
    const { id } = await worker.account();
    const expires_at = worker.now + 30_000;
    const { api_key } = await makeKey(id, { expires_at });
    worker.now = expires_at - 1;
    expect(await statusOf(api_key)).toBe(200);
    worker.now = expires_at;
    expect(await statusOf(api_key)).toBe(401);
  });

  it("are refused with an expiry in the past, or with scopes that do not exist", async () => {
    const { id } = await worker.account();
    const refusal = async (body: object) =>
      (await worker.call("POST", `/admin/accounts/${id}/keys`, { headers: operator, body })).json<{
        code: string;
      }>();
    for (const body of [{ expires_at: worker.now }, { scopes: [] }, { scopes: ["admin"] }, { name: " " }]) {
      expect(await refusal(body)).toMatchObject({ code: "invalid_request" });
    }
  });

  it("of another account cannot be revoked", async () => {
    const [one, other] = [await worker.account(), await worker.account()];
    const { keys } = await worker.operator<{ keys: { id: string }[] }>(
      "GET",
      `/admin/accounts/${one.id}/keys`,
    );
    const response = await worker.call("DELETE", `/admin/accounts/${other.id}/keys/${keys[0]?.id}`, {
      headers: operator,
    });
    expect(response.status).toBe(404);
  });
});

describe("a key that is bound to addresses", () => {
  const from = async (key: string, address?: string) => {
    const headers = address === undefined ? {} : { "cf-connecting-ip": address };
    const response = await worker.call("GET", "/jobs", { key, headers });
    return [response.status, (await response.json<{ code?: string; error?: string }>()).error];
  };

  it("works only from these, of both families, and is refused elsewhere", async () => {
    const { id } = await worker.account();
    const allowed_ips = ["203.0.113.0/25", "198.51.100.7", "2001:db8:7::/48"];
    const { api_key, ...facts } = await makeKey(id, { allowed_ips });
    expect(facts).toMatchObject({ allowed_ips });
    for (const address of ["203.0.113.127", "198.51.100.7", "2001:db8:7:1::1", "::ffff:203.0.113.1"]) {
      expect(await from(api_key, address)).toEqual([200, undefined]);
    }
    for (const address of ["203.0.113.128", "198.51.100.8", "2001:db8:8::1", "not an address"]) {
      expect(await from(api_key, address)).toEqual([403, `This key may not be used from ${address}`]);
    }
    // where the platform does not report the address, it is unknown
    expect(await from(api_key)).toEqual([403, "This key may not be used from an unknown address"]);
    const fresh = await (await roll(id, facts.id)).json<Key>();
    expect(fresh.allowed_ips).toEqual(allowed_ips);
    const free = await makeKey(id);
    expect([free.allowed_ips, (await from(free.api_key))[0]]).toEqual([null, 200]);
  });

  it.each(["203.0.113.0/33", "203.0.113", "example.com", "2001:db8::/129", "", "10.0.0.1/-1"])(
    "is not created with %j",
    async (entry) => {
      const { id } = await worker.account();
      const response = await worker.call("POST", `/admin/accounts/${id}/keys`, {
        headers: operator,
        body: { allowed_ips: [entry] },
      });
      expect(response.status).toBe(400);
      const { issues } = await response.json<{ issues: { path: string; message: string }[] }>();
      expect(issues[0]).toMatchObject({
        path: "allowed_ips.0",
        message: expect.stringContaining("CIDR range"),
      });
    },
  );
});

describe("a key that is rolled", () => {
  it("works for the overlap next to the new one, which has its name, scopes and lifetime", async () => {
    const { id } = await worker.account();
    const facts = { name: "newsroom", scopes: ["read"], expires_at: worker.now + 1_000 * HOUR };
    const old = await makeKey(id, facts);
    expect(await statusOf(old.api_key)).toBe(200);
    worker.now += HOUR;
    const fresh = await (await roll(id, old.id)).json<Key & { replaces: object }>();
    expect(fresh).toMatchObject({
      ...facts,
      expires_at: worker.now + 1_000 * HOUR,
      replaced_by: null,
      replaces: { id: old.id, replaced_by: fresh.id, expires_at: worker.now + 24 * HOUR },
    });
    worker.now += 24 * HOUR - 1;
    expect([await statusOf(old.api_key), await statusOf(fresh.api_key)]).toEqual([200, 200]);
    worker.now += 1;
    expect([await statusOf(old.api_key), await statusOf(fresh.api_key)]).toEqual([401, 200]);
  });

  it("without an overlap stops within a minute, and never works longer than before", async () => {
    const { id } = await worker.account();
    const [old, ending] = [await makeKey(id), await makeKey(id, { expires_at: worker.now + 90_000 })];
    for (const { api_key } of [old, ending]) expect(await statusOf(api_key)).toBe(200);
    await roll(id, old.id, { overlap_seconds: 0 });
    await roll(id, ending.id);
    worker.now += 60_000;
    expect([await statusOf(old.api_key), await statusOf(ending.api_key)]).toEqual([401, 200]);
    worker.now += 30_000;
    expect(await statusOf(ending.api_key)).toBe(401);
  });

  it("is replaced once, by whichever request comes first; one that does not work is not replaced", async () => {
    const [{ id }, stranger] = [await worker.account(), await worker.account()];
    const old = await makeKey(id);
    const responses = await Promise.all([1, 2, 3, 4, 5].map(() => roll(id, old.id)));
    expect(responses.map(({ status }) => status).sort()).toEqual([201, 400, 400, 400, 400]);
    const { keys } = await worker.operator<{ keys: Key[] }>("GET", `/admin/accounts/${id}/keys`);
    expect(keys).toHaveLength(3);
    expect(await audit(`account_id=${id}&limit=1`)).toMatchObject([
      { action: "key.rolled", subject: old.id },
    ]);
    const revoked = await makeKey(id);
    await revoke(id, revoked.id);
    expect((await roll(id, revoked.id)).status).toBe(400);
    expect((await roll(stranger.id, old.id)).status).toBe(404);
    expect((await roll(id, old.id, { overlap_seconds: -1 })).status).toBe(400);
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
    expect(await worker.operator("GET", `/admin/accounts/${account.id}`)).toEqual(changed);
    const { accounts } = await worker.operator<{ accounts: unknown[] }>("GET", "/admin/accounts");
    expect(accounts).toContainEqual(changed);
  });

  it("are listed page by page without gaps while others are created", async () => {
    worker.now += HOUR;
    const made: string[] = [];
    for (let index = 0; index < 5; index++) made.unshift((await worker.account()).id);
    const walked: string[] = [];
    let cursor = "";
    do {
      const page = await worker.operator<{ accounts: { id: string }[]; next_cursor: string | null }>(
        "GET",
        `/admin/accounts?limit=2${cursor}`,
      );
      walked.push(...page.accounts.map(({ id }) => id));
      cursor = page.next_cursor === null ? "" : `&cursor=${page.next_cursor}`;
      await worker.account();
    } while (cursor !== "");
    expect(walked.slice(0, made.length)).toEqual(made);
    expect(new Set(walked).size).toBe(walked.length);
  });

  it("are refused with invalid values, and unknown ones are not found", async () => {
    const call = (method: string, path: string, body?: unknown) =>
      worker.call(method, path, { headers: operator, body });
    expect((await call("POST", "/admin/accounts", { name: "" })).status).toBe(400);
    expect((await call("POST", "/admin/accounts", { name: "a", source: "nobody" })).status).toBe(400);
    expect((await call("PATCH", `/admin/accounts/${ID}`, { name: "b" })).status).toBe(404);
    expect((await call("POST", `/admin/accounts/${ID}/keys`)).status).toBe(404);
    expect((await call("GET", `/admin/accounts/${ID}/keys`)).status).toBe(404);
    expect((await call("GET", `/admin/accounts/${ID}`)).status).toBe(404);
    expect((await call("GET", `/admin/accounts/${ID}/usage`)).status).toBe(404);
  });
});

describe("the audit log", () => {
  it("contains every action of the operator, with what was changed, and no secret", async () => {
    const path = (id: string) => `/admin/accounts/${id}`;
    const account = await worker.operator<{ id: string }>("POST", "/admin/accounts", { name: "Ada" });
    await worker.operator("PATCH", path(account.id), { limits: { max_concurrent_jobs: 3 } });
    await worker.operator("PATCH", path(account.id), { disabled: true });
    await worker.operator("PATCH", path(account.id), { disabled: false });
    const key = await makeKey(account.id, { name: "k", scopes: ["read"] });
    const fresh = await (await roll(account.id, key.id)).json<Key>();
    await revoke(account.id, fresh.id);
    await revoke(account.id, fresh.id);
    await worker.call("DELETE", `${path(account.id)}/keys/${ID}`, { headers: operator });
    const entries = await audit(`account_id=${account.id}`);
    expect(entries.toReversed()).toMatchObject([
      { action: "account.created", detail: { name: "Ada", source: "direct" } },
      { action: "account.changed", detail: { limits: { max_concurrent_jobs: 3 } } },
      { action: "account.disabled" },
      { action: "account.enabled" },
      { action: "key.created", subject: key.id, detail: { name: "k", scopes: ["read"] } },
      { action: "key.rolled", subject: key.id, detail: { replaced_by: fresh.id, overlap_seconds: 86_400 } },
      { action: "key.revoked", subject: fresh.id },
    ]);
    for (const { actor, at, request_id } of entries) {
      expect([actor, at, request_id]).toEqual(["operator", worker.now, expect.any(String)]);
    }
    const { results } = await env.DB.prepare("select * from audit_entries").all();
    for (const secret of [key.api_key, fresh.api_key]) expect(JSON.stringify(results)).not.toContain(secret);
  });

  it("contains what an account does with its secrets, and the key that did it", async () => {
    const { id, key } = await worker.account();
    const { keys } = await worker.operator<{ keys: Key[] }>("GET", `/admin/accounts/${id}/keys`);
    const hook = "https://hooks.example.com/T0/very-secret";
    const storage = {
      endpoint: "https://s3.example.com",
      bucket: "media",
      region: "auto",
      access_key: "AKIDEXAMPLE",
      secret_key: "a-very-secret-key",
    };
    worker.network.onOther = () => new Response(null, { status: 200 });
    for (const [method, path, body] of [
      ["POST", "/user/s3", storage],
      ["DELETE", "/user/s3", undefined],
      ["DELETE", "/user/s3", undefined],
      ["GET", "/user/webhook-secret", undefined],
      ["POST", "/user/webhook-secret/rotate", undefined],
      ["POST", "/user/slack", { webhook_url: hook, notify_level: "all" }],
      ["DELETE", "/user/slack", undefined],
    ] as const) {
      await worker.call(method, path, { key, body });
    }
    const entries = (await audit(`account_id=${id}`)).filter(({ actor }) => actor === keys[0]?.id).reverse();
    expect(entries).toMatchObject([
      { action: "storage.set", detail: { provider: "s3", bucket: "media" } },
      { action: "storage.removed", detail: { provider: "s3" } },
      { action: "webhook_secret.rotated", detail: {} },
      { action: "slack.set", detail: { notify_level: "all" } },
      { action: "slack.removed" },
    ]);
    expect(JSON.stringify(entries)).not.toMatch(/very-secret|AKIDEXAMPLE|whsec_/);
  });

  it("is listed page by page, including what concerns no single account", async () => {
    worker.now += 2 * HOUR;
    await worker.operator("POST", "/admin/reseal");
    const { id } = await worker.account();
    const first = await worker.operator<{ entries: AuditEntry[]; next_cursor: string }>(
      "GET",
      "/admin/audit?limit=2",
    );
    expect(first.entries.map(({ action }) => action)).toEqual(["key.created", "account.created"]);
    expect(await audit(`limit=1&cursor=${first.next_cursor}`)).toMatchObject([
      { action: "secrets.resealed", account_id: null, detail: { resealed: 0 } },
    ]);
    expect(await audit(`account_id=${id}`)).toHaveLength(2);
    expect(await audit(`account_id=${ID}`)).toEqual([]);
  });

  it("is written in the same batch as the change: neither exists without the other", async () => {
    const { id, key } = await worker.account();
    await env.DB.exec(
      "create trigger no_audit before insert on audit_entries begin select raise(abort, 'no'); end",
    );
    try {
      const call = (method: string, path: string, body?: object) =>
        worker.call(method, path, { headers: operator, body });
      expect((await call("PATCH", `/admin/accounts/${id}`, { name: "b" })).status).toBe(503);
      expect((await call("POST", `/admin/accounts/${id}/keys`)).status).toBe(503);
      const before = await worker.json("GET", "/user/webhook-secret", { key });
      expect((await worker.call("POST", "/user/webhook-secret/rotate", { key })).status).toBe(503);
      expect(await worker.json("GET", "/user/webhook-secret", { key })).toEqual(before);
    } finally {
      await env.DB.exec("drop trigger no_audit");
    }
    expect(await worker.operator("GET", `/admin/accounts/${id}`)).toMatchObject({ name: "tests" });
    const { keys } = await worker.operator<{ keys: Key[] }>("GET", `/admin/accounts/${id}/keys`);
    expect(keys).toHaveLength(1);
  });
});

it.each([
  ["the audit of an account", () => auditPageQuery(worker.context().db, { accountId: "a", cursor: "x" }, 20)],
  ["a page of the audit", () => auditPageQuery(worker.context().db, { cursor: "x" }, 20)],
  ["a page of accounts", () => accountPageQuery(worker.context().db, "x", 20)],
])("finds %s by an index, in its order", async (_, query) => {
  await expectIndexed(query());
});
