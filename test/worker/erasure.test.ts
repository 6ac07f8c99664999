import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { beforeEach, describe, expect, it } from "vitest";
import type { Erasure } from "../../schema/api/operator/erasure.ts";
import type { RunRequest } from "../../schema/wire/run.ts";
import { ACCOUNT_TABLES, KEPT_TABLES } from "../../worker/db/rights/account-tables.ts";
import { continueErasures } from "../../worker/services/erasure/erasure.ts";
import { Bucket } from "./support/bucket.ts";
import { delivery } from "./support/delivery.ts";
import { DyingWorker } from "./support/dying.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { s3 } from "./support/storages.ts";
import { hook } from "./support/webhooks.ts";

/** Erasures of accounts: nothing of them is left in any column of any table, and the receipt says what was erased. */

const MINUTE = 60_000;
const CANARY = "canary-of-an-account";
const UNLIMITED = { isSpent: () => false };

/** Tables whose rows belong to no account, and why that is so. */
const WITHOUT_ACCOUNTS: Readonly<Record<string, string>> = {
  denial_terms: "of the operator",
  denials: "of the operator",
  takedown_jobs: "names jobs and no accounts, so that the counts of a takedown stay true",
  end_counts: "counters by site",
  exit_health: "by site and exit",
  exit_runs: "counters by site and exit",
  exits: "of the operator",
  feed_leases: "removed with their feed, when nobody follows it",
  feeds: "removed by their objects when nobody follows them",
  job_credentials: "removed with their jobs",
  site_runs: "counters by site",
  source_backoff: "by host",
  ytdlp_trials: "by site and version",
  storage_backoff: "removed with the jobs that deliver to the place",
};
/** Removed or changed by steps of their own. */
const BY_STEPS = ["accounts", "jobs", "erasures"];

let worker: Harness;
let bucket: Bucket;
let own: Bucket;
let account: { id: string; key: string };
let other: { id: string; key: string };

const tableNames = async (): Promise<string[]> => {
  const { results } = await env.DB.prepare(
    "select name from sqlite_master where type = 'table' and name not like '\\_cf%' escape '\\' and name not like 'sqlite%' and name <> 'd1_migrations'",
  ).all<{ name: string }>();
  return results.map(({ name }) => name);
};

async function begin(variables: Record<string, unknown> = {}): Promise<void> {
  const tables = await tableNames();
  for (const table of [...tables.filter((name) => name !== "accounts"), "accounts"]) {
    await env.DB.exec(`delete from ${table}`);
  }
  worker = new Harness({ REUSE_HOURS: "24", ...variables });
  bucket = new Bucket();
  own = new Bucket(true);
  worker.network.onStorage = bucket.respond;
  worker.network.hosts.set(`${s3.bucket}.${new URL(s3.endpoint).hostname}`, own.respond);
  [account, other] = [await worker.account(), await worker.account()];
}
beforeEach(() => begin());

async function deliver(request: object = {}, key = account.key): Promise<RunRequest> {
  const url = `https://media.example.com/${crypto.randomUUID()}/${CANARY}`;
  const metadata = key === account.key ? { project: CANARY } : { project: "theirs" };
  const run = await worker.start(key, { url, metadata, webhook_url: `${hook}?${CANARY}`, ...request });
  const object = `${run.key_prefix.base_folder}/${run.job_id}.mp4`;
  await worker.report(run, "upload", { key: object, ref: "u" });
  await worker.report(run, "publish");
  (run.target.managed ? bucket : own).keys.add(object);
  const outcome = { type: "completed", delivery: { ...delivery, key: object, title: CANARY } };
  expect((await worker.report(run, "outcome", { outcome })).status).toBe(200);
  return run;
}

/** An account that has used everything. */
async function live(): Promise<void> {
  const as = (method: string, path: string, body?: unknown, headers = {}) =>
    worker.call(method, path, { key: account.key, body, headers });
  await deliver();
  await deliver({ storage: { ...s3, folder_prefix: CANARY } });
  await as("POST", "/jobs", { url: `https://a.example/${CANARY}` }, { "x-idempotency-key": CANARY });
  await as("POST", "/jobs/bulk", { jobs: [{ url: `https://b.example/${CANARY}` }], paused: true });
  const { provider: _, ...storage } = { ...s3, folder_prefix: CANARY };
  await as("POST", "/user/s3", storage);
  await deliver();
  await as("PUT", "/user/cookies/example.com", { cookies: `example.com\tTRUE\t/\tTRUE\t0\tname\t${CANARY}` });
  await as("POST", "/subscriptions", {
    url: `https://feeds.example.org/${CANARY}.xml`,
    name: CANARY,
    paused: true,
  });
  await as("POST", "/user/webhook-secret/rotate");
}

/**
 * A row of the account in every table that has some, with canaries in every text: also in columns that no route above
 * fills, and in tables that are added later.
 */
async function plant(): Promise<void> {
  const owners: Record<string, string> = { cookie_jars: "owner" };
  const ids = new Map([["job_credentials", "job_id"]]);
  const job = crypto.randomUUID();
  for (const table of [...Object.keys(ACCOUNT_TABLES), ...Object.keys(KEPT_TABLES), "jobs", ...ids.keys()]) {
    const { results } = await env.DB.prepare(`pragma table_info(${table})`).all<{
      name: string;
      type: string;
    }>();
    const planted = ({ name, type }: { name: string; type: string }): unknown => {
      if (name === (owners[table] ?? "account_id")) return account.id;
      const kept = KEPT_VALUES.get(`${table}.${name}`);
      if (kept !== undefined) return kept;
      if (name === "job_id" || (table === "jobs" && name === "id")) return job;
      if (type.toLowerCase() !== "text") return 1;
      return JSON_COLUMNS.has(name)
        ? JSON.stringify(JSON_COLUMNS.get(name))
        : (FIXED.get(name) ?? `${CANARY}-${name}`);
    };
    const values = results.map(planted);
    const marks = values.map(() => "?").join(", ");
    const names = results.map(({ name }) => name).join(", ");
    await env.DB.prepare(`insert or replace into ${table} (${names}) values (${marks})`)
      .bind(...values)
      .run();
  }
  await env.DB.prepare("insert or replace into storage_backoff values (?, 1, 1)")
    .bind(`s3 ${CANARY}-storage_place`)
    .run();
}
const CANARIES = { project: CANARY };
const JSON_COLUMNS = new Map<string, unknown>([
  ...["request", "plan", "details", "metadata", "limits", "job", "detail", "body"].map(
    (name) => [name, CANARIES] as const,
  ),
  ...["backfill", "filters", "schedule", "retention", "facts", "own_limits"].map(
    (name) => [name, CANARIES] as const,
  ),
  ...["adjustments", "subtitles", "audio_languages", "webhook_events"].map((name) => [name, []] as const),
  ...["domains", "scopes", "allowed_ips", "tool_versions"].map((name) => [name, [CANARY]] as const),
]);
/** What rows that are kept are about: not the caller's texts. */
const KEPT_VALUES = new Map([
  ["usage.month", "2026-10"],
  // the oldest
  ["audit_entries.id", "00000000-0000-7000-8000-000000000000"],
  ["audit_entries.action", "account.changed"],
]);
const FIXED = new Map([
  ["status", "Failed"],
  ["storage_source", "inline"],
  ["storage_provider", "s3"],
]);

/** Every cell of the database that holds one of the texts. */
async function cellsWith(texts: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const table of await tableNames()) {
    const { results } = await env.DB.prepare(`select * from ${table}`).all<Record<string, unknown>>();
    for (const row of results) {
      for (const [column, value] of Object.entries(row)) {
        if (texts.some((text) => String(value).includes(text))) found.push(`${table}.${column}: ${value}`);
      }
    }
  }
  return found;
}

const erase = (query = "") => worker.operator<Erasure>("DELETE", `/admin/accounts/${account.id}${query}`);
const read = (id: string) => worker.operator<Erasure>("GET", `/admin/erasures/${id}`);
async function goOn(): Promise<void> {
  const ctx = createExecutionContext();
  await continueErasures(worker.context(ctx), UNLIMITED);
  await waitOnExecutionContext(ctx);
}
async function finish(id: string): Promise<Erasure> {
  for (let minutes = 0; minutes < 20; minutes++) {
    worker.now += 2 * MINUTE;
    await goOn();
    const erasure = await read(id);
    if (erasure.status === "finished") return erasure;
  }
  throw new Error(`it has not ended: ${JSON.stringify(await read(id))}`);
}
const countsOf = ({ erased }: Erasure) => Object.fromEntries(erased.map(({ kind, count }) => [kind, count]));
const keptOf = ({ kept }: Erasure) => Object.fromEntries(kept.map(({ kind, count }) => [kind, count]));

it("knows every table of the schema", async () => {
  const known = [
    ...Object.keys(ACCOUNT_TABLES),
    ...Object.keys(KEPT_TABLES),
    ...Object.keys(WITHOUT_ACCOUNTS),
    ...BY_STEPS,
  ];
  expect((await tableNames()).sort()).toEqual(known.sort());
});

describe("an erasure", () => {
  it("closes the account at once, and leaves nothing of it in any table or in the operator's bucket", async () => {
    await live();
    await plant();
    await deliver({}, other.key);
    bucket.keys.add(`${account.id}/videos/left behind.mp4`);
    bucket.keys.add(`.archive/${account.id}/jobs/2026-01-01/x.ndjson`);
    const before = await cellsWith([CANARY, account.id]);
    expect(new Set(before.map((cell) => cell.split(".")[0])).size).toBeGreaterThan(15);
    const theirs = (await cellsWith([other.id])).length;

    const begun = await erase();
    expect(begun).toMatchObject({ status: "running", phase: "closing", account_id: account.id, erased: [] });
    expect((await erase()).id).toBe(begun.id);
    const fresh = new Harness();
    expect((await fresh.call("GET", "/usage", { key: account.key })).status).toBe(401);
    const receipt = await finish(begun.id);

    // what their own job says of itself is theirs
    await env.DB.exec(`delete from jobs where account_id = '${other.id}'`);
    await env.DB.exec(`delete from webhook_deliveries where account_id = '${other.id}'`);
    expect(await cellsWith([account.id])).toEqual([]);
    expect((await cellsWith([CANARY])).filter((cell) => !cell.includes(other.id))).toEqual([]);
    expect((await cellsWith([other.id])).length).toBeLessThanOrEqual(theirs);
    expect([...bucket.keys].filter((key) => key.includes(account.id))).toEqual([]);
    expect(receipt).toMatchObject({ account_id: null, phase: "done", last_error: null });
    expect(countsOf(receipt)).toMatchObject({
      ...{ accounts: 1, objects: 3, jobs: 6, batches: 2, subscriptions: 2, cookie_jars: 2 },
      ...{ batch_listings: 1, storage_credentials: 1, storage_pauses: 1, job_credentials: 1 },
    });
    expect(keptOf(receipt)).toMatchObject({ files_in_own_storage: 1, files_in_inline_storage: 2 });
    for (const { why } of receipt.kept) expect(why).not.toBe("");
    // invoices: jobs and bytes of the month stay, under the id of the receipt
    const { results } = await env.DB.prepare("select * from usage where account_id = ?")
      .bind(begun.id)
      .all<Record<string, unknown>>();
    expect(results.find(({ month }) => month === "2026-11")).toMatchObject({ jobs: 5, last_end_at: null });
    const { entries } = await worker.operator<{ entries: { action: string; detail: object }[] }>(
      "GET",
      `/admin/audit?account_id=${begun.id}&limit=100`,
    );
    expect(entries[0]?.action).toBe("account.erased");
    expect(entries.every(({ detail }) => Object.keys(detail).length === 0)).toBe(true);
    expect(await worker.operator("GET", `/admin/accounts/${account.id}`)).toMatchObject({
      code: "not_found",
    });
    expect(await erase()).toMatchObject({ code: "not_found" });
    expect(await worker.operator("GET", "/admin/erasures")).toMatchObject({ erasures: [{ id: begun.id }] });
  });

  it("deletes from the account's own storage only when that is asked for", async () => {
    const { provider: _, ...storage } = s3;
    await worker.call("POST", "/user/s3", { key: account.key, body: storage });
    await deliver();
    const receipt = await finish((await erase("?own_storage=true")).id);
    expect([...own.keys]).toEqual([]);
    expect(countsOf(receipt)).toMatchObject({ objects: 1 });
    expect(keptOf(receipt)).not.toHaveProperty("files_in_own_storage");
  });

  it("waits for a run that publishes and for a bucket that is down, and says so", async () => {
    await deliver();
    bucket.onDelete = () => 503;
    const { id } = await erase();
    worker.now += 2 * MINUTE;
    await goOn();
    worker.now += 2 * MINUTE;
    await goOn();
    expect(await read(id)).toMatchObject({ status: "running", phase: "jobs", account_id: account.id });
    expect((await read(id)).last_error).toContain("did not delete files");
    bucket.onDelete = () => 204;
    expect(countsOf(await finish(id))).toMatchObject({ objects: 1, jobs: 1 });
  });
});

it("goes on wherever a Worker dies, and counts everything once", async () => {
  const dying = new DyingWorker(env.DB);
  await begin({ DB: dying.database.binding });
  await live();
  await plant();
  const begun = await erase();
  worker.now += 2 * MINUTE;
  const deaths = await dying.dieEverywhere(
    async () => {
      await goOn();
      return (await env.DB.prepare("select finished_at as at from erasures").first("at")) !== null;
    },
    () => {
      worker.now += 2 * MINUTE;
    },
  );
  expect(deaths).toBeGreaterThan(20);
  expect(await cellsWith([account.id, CANARY])).toEqual([]);
  expect(countsOf(await read(begun.id))).toMatchObject({
    ...{ accounts: 1, jobs: 6, batches: 2, subscriptions: 2, cookie_jars: 2, objects: 1 },
  });
});
