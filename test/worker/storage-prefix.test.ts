import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { StoragePrefix } from "../../schema/api/account.ts";
import { keyFolder } from "../../schema/storage/object-key.ts";
import { takeGatewayAccount } from "../../worker/db/gateway-accounts.ts";
import { managedFolder } from "../../worker/services/runs/storage-of-job.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";

let worker: Harness;

beforeEach(async () => {
  worker = new Harness();
  await env.DB.exec("delete from api_keys; delete from accounts");
});

interface Created {
  readonly id: string;
  readonly storage_prefix: string;
}

const post = (body: object): Promise<Response> =>
  worker.call("POST", "/admin/accounts", {
    body: { name: "a", ...body },
    headers: { authorization: `Bearer ${env.ADMIN_TOKEN}` },
  });
const create = (body: object = {}): Promise<Created> =>
  worker.operator("POST", "/admin/accounts", { name: "a", ...body });

describe("the storage prefix of an account", () => {
  it("is its id, or what the operator chose", async () => {
    const byDefault = await create();
    expect(byDefault.storage_prefix).toBe(byDefault.id);
    const chosen = await create({ storage_prefix: "news_room-2" });
    expect(chosen.storage_prefix).toBe("news_room-2");
    expect(await worker.operator("GET", `/admin/accounts/${chosen.id}`)).toMatchObject(chosen);
    const changed = await worker.operator("PATCH", `/admin/accounts/${chosen.id}`, { name: "b" });
    expect(changed).toMatchObject({ storage_prefix: "news_room-2" });
  });

  it.each([
    ["empty", "", /begins with a letter or a digit/],
    ["of several folders", "a/b", /one folder name/],
    ["with a slash at its end", "a/", /one folder name/],
    ["that leads upwards", "..", /one folder name/],
    ["hidden", ".recordings", /one folder name/],
    ["with capitals, which some stores do not distinguish", "News", /one folder name/],
    ["with a space", "a b", /one folder name/],
    ["too long", "a".repeat(65), /at most 64 characters/],
    ["that holds the keys from before prefixes", "videos", /older files/],
    ["of another account's default", "01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c17", /form of an id/],
  ])("is refused %s", async (_, storage_prefix, sentence) => {
    const response = await post({ storage_prefix });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      code: "invalid_request",
      issues: [{ path: "storage_prefix", message: expect.stringMatching(sentence) }],
    });
  });

  it("goes to one of two accounts that ask at once; the other gets a refusal and leaves no trace", async () => {
    const responses = await Promise.all([1, 2, 3].map(() => post({ storage_prefix: "wanted" })));
    expect(responses.map(({ status }) => status).toSorted()).toEqual([201, 400, 400]);
    const refused = await responses.find(({ status }) => status === 400)?.json();
    expect(refused).toMatchObject({
      issues: [{ path: "storage_prefix", message: expect.stringMatching(/another account/) }],
    });
    const { accounts } = await worker.operator<{ accounts: Created[] }>("GET", "/admin/accounts");
    expect(accounts).toHaveLength(1);
    const { entries } = await worker.operator<{ entries: { action: string; account_id: string }[] }>(
      "GET",
      "/admin/audit",
    );
    const created = entries.filter(
      ({ action, account_id }) => action === "account.created" && account_id === accounts[0]?.id,
    );
    expect(created).toHaveLength(1);
  });

  it("is the id for callers of a marketplace, even for several first calls at once", async () => {
    const call = () =>
      worker.call("GET", "/usage", {
        headers: { "x-rapidapi-proxy-secret": "gateway-secret-of-the-tests", "x-rapidapi-user": "jane" },
      });
    expect((await Promise.all([call(), call(), call()])).map(({ status }) => status)).toEqual([
      200, 200, 200,
    ]);
    const { accounts } = await worker.operator<{ accounts: Created[] }>("GET", "/admin/accounts");
    expect(accounts).toMatchObject([{ storage_prefix: accounts[0]?.id }]);
  });

  it("is unique in the database itself", async () => {
    await create({ storage_prefix: "mine" });
    const row = { id: "x", name: "a", source: "rapidapi", limits: {}, created_at: 1 } as const;
    const gateway = { gateway_user: "rapidapi:eve", gateway_tier: "BASIC", storage_prefix: "mine" };
    await expect(takeGatewayAccount(worker.context().db, { ...row, ...gateway })).rejects.toThrow();
  });

  it("is the id where an older Worker created the account", async () => {
    const { id } = await create();
    await env.DB.prepare("update accounts set storage_prefix = null where id = ?").bind(id).run();
    expect(await worker.operator("GET", `/admin/accounts/${id}`)).toMatchObject({ storage_prefix: id });
  });

  it("is the first folder of every key, and of a recording's pieces", async () => {
    const { id } = await create({ storage_prefix: "newsroom" });
    const { api_key } = await worker.operator<{ api_key: string }>("POST", `/admin/accounts/${id}/keys`);
    const run = await worker.start(api_key, { folder: "talks" });
    expect(run.key_prefix).toEqual({ base_folder: "newsroom/videos", folder: "talks" });
    const body = { url: "https://media.example.com/a.mp4", folder: "talks" };
    expect(await worker.json("POST", "/jobs/plan", { key: api_key, body })).toMatchObject({
      folder: "newsroom/videos/talks",
    });
  });

  it("never contains a key of another account, whatever folders the jobs name", () => {
    const prefix = fc
      .oneof(
        fc.constantFrom("a", "ab", "abc", "a-b", "a_b", "0"),
        fc.uuid(),
        fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,5}$/),
      )
      .filter((text) => StoragePrefix.safeParse(text).success || /^[0-9a-f-]{36}$/.test(text));
    const folder = fc.oneof(fc.string({ maxLength: 20 }), fc.constantFrom("a/b", " /x", "./ab", "//abc//"));
    fc.assert(
      fc.property(prefix, prefix, folder, (one, other, name) => {
        fc.pre(one !== other);
        const key = `${keyFolder({ base_folder: managedFolder({ id: "x", storage_prefix: one }), folder: name })}/f.mp4`;
        expect(key.split("/")[0]).toBe(one);
        expect(key.startsWith(`${other}/`)).toBe(false);
        expect(key.startsWith("videos/")).toBe(false);
      }),
    );
  });
});
