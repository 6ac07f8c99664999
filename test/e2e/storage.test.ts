import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { InlineStorage } from "../../schema/api/storage.ts";
import { type CallersStorages, PROVIDER_NAMES, startCallersStorages } from "../support/callers-storages.ts";
import { type DriveDouble, startDriveDouble } from "../support/drive/drive-double.ts";
import { mediaFolder } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { filesWith, holdsAny, processesWith, spellings } from "../support/secret-search.ts";
import { startTestStack, type TestStack } from "../support/test-stack.ts";

/** Callers' own storage at all four providers, on the stack that `npm start` runs, through the HTTP API. */

const LEASE_SECONDS = 4;
/** The longest run; long enough for everything here that is not held back on purpose. */
const MAX_RUN_SECONDS = 20;

let origin: Origin;
let callers: CallersStorages;
let drive: DriveDouble;
let stack: TestStack;
let cron: NodeJS.Timeout;

vi.setConfig({ testTimeout: 120_000 });

beforeAll(async () => {
  const root = await mediaFolder({ "film.mp4": ["mp4", { seconds: 12, width: 640, height: 360 }] });
  [origin, callers, drive] = await Promise.all([
    startOrigin({ root }),
    startCallersStorages(),
    startDriveDouble(),
  ]);
  stack = await startTestStack({
    env: {
      ALLOWED_PRIVATE_HOSTS: `${origin.host},${callers.hosts},${new URL(drive.origin).host}`,
      LEASE_SECONDS: `${LEASE_SECONDS}`,
      HEARTBEAT_SECONDS: "1",
      MAX_RUN_SECONDS: `${MAX_RUN_SECONDS}`,
      NETWORK_SLOTS: "8",
    },
  });
  cron = setInterval(() => void stack.reconcile(), 1_000);
}, 120_000);

afterAll(async () => {
  clearInterval(cron);
  await stack.stop();
  await Promise.all([origin.close(), callers.close(), drive.close()]);
});

const film = () => `${origin.url}/film.mp4`;
const create = (storage: InlineStorage, filename: string) => stack.create({ url: film(), storage, filename });
const createAll = (name: string) =>
  Promise.all(PROVIDER_NAMES.map((provider) => create(callers.storages[provider], name)));
const endAll = (ids: readonly string[]) => Promise.all(ids.map((id) => stack.end(id)));
const unfinished = async () =>
  (await Promise.all(PROVIDER_NAMES.map((name) => callers.unfinished(name)))).flat();
const nothingLeft = () => expect.poll(unfinished, { timeout: 10_000, interval: 100 }).toEqual([]);

async function killProcessor(): Promise<void> {
  process.kill(await stack.processorPid(), "SIGKILL");
}

describe("the same job", () => {
  it("delivers the same bytes to all four providers and the managed bucket, with links that read them", async () => {
    const managed = await stack.create({ url: film(), filename: "a film (1) ü" });
    const jobs = await endAll([managed, ...(await createAll("a film (1) ü"))]);
    expect(jobs.map(({ status, storage_provider }) => [status, storage_provider])).toEqual([
      ["Completed", "s3"],
      ...PROVIDER_NAMES.map((provider) => ["Completed", provider]),
    ]);
    const files = await Promise.all(
      jobs.map(async ({ s3_url }) => Buffer.from(await (await fetch(s3_url ?? "")).arrayBuffer())),
    );
    const digests = files.map((file) => createHash("sha256").update(file).digest("hex"));
    expect(new Set([...digests, ...jobs.map(({ sha256 }) => sha256)])).toEqual(new Set([jobs[0]?.sha256]));
    expect(sealedRows()).toBe(0);
  });

  it("is delivered to an account's storage, gets a new link each time it is read, and is deleted", async () => {
    const { provider: _, ...body } = callers.storages.oss;
    expect(await stack.call("POST", "/user/oss", { ...body, folder_prefix: "mine" })).toMatchObject({
      status: 200,
      body: { message: "Alibaba OSS storage configured successfully" },
    });
    const job = await stack.end(await stack.create({ url: film(), filename: "owned" }));
    expect(job).toMatchObject({
      status: "Completed",
      storage_provider: "oss",
      s3_key: "videos/mine/owned.mp4",
    });
    expect((await fetch(job.s3_url ?? "")).status).toBe(200);
    expect((await stack.call("DELETE", `/jobs/${job.id}/file`)).status).toBe(200);
    expect((await fetch(job.s3_url ?? "")).status).toBe(404);
    expect((await stack.call("DELETE", "/user/oss")).status).toBe(200);
  });

  it("is delivered to the account's Google Drive, replaced there under the same id, shared and deleted", async () => {
    const keyFile = {
      ...{ client_email: drive.account.clientEmail, private_key: drive.account.privateKey },
      token_uri: drive.account.tokenUri,
    };
    const body = { service_account_json: JSON.stringify(keyFile), folder_id: drive.folderId };
    const set = await stack.call("POST", "/user/gdrive", {
      ...{ ...body, endpoint: drive.origin, share_links: true },
    });
    expect(set.body).toMatchObject({ message: "Google Drive storage configured successfully" });
    const deliver = async () => stack.end(await stack.create({ url: film(), filename: "drive ü" }));
    const job = await deliver();
    expect(job).toMatchObject({ status: "Completed", storage_provider: "gdrive" });
    const found = () => drive.files.under(drive.folderId, "videos/drive ü.mp4");
    const [before] = found();
    const file = Buffer.from(await (await fetch(job.s3_url ?? "")).arrayBuffer());
    expect(createHash("sha256").update(file).digest("hex")).toBe(job.sha256);
    const again = await deliver();
    expect(found().map(({ id }) => id)).toEqual([before?.id]);
    expect((await stack.call("DELETE", `/jobs/${again.id}/file`)).status).toBe(200);
    expect(found()).toEqual([]);
    expect(drive.sessions.open).toEqual([]);
    expect((await stack.call("DELETE", "/user/gdrive")).status).toBe(200);
  });

  it.each(PROVIDER_NAMES)(
    "that was delivered to %s is deleted when the storage is sent again",
    async (provider) => {
      const storage = callers.storages[provider];
      const job = await stack.end(await create(storage, "deleted"));
      expect((await fetch(job.s3_url ?? "")).status).toBe(200);
      expect((await stack.call("DELETE", `/jobs/${job.id}/file`)).status).toBe(400);
      expect((await stack.call("DELETE", `/jobs/${job.id}/file`, { storage })).status).toBe(200);
      expect((await fetch(job.s3_url ?? "")).status).toBe(404);
    },
  );
});

describe("a processor that is killed in mid-upload to all four providers", () => {
  const midUpload = async (name: string) => {
    const { reached, release } = callers.holdParts();
    const ids = await createAll(name);
    await reached;
    expect(await unfinished()).toEqual(Array(PROVIDER_NAMES.length).fill(`videos/${name}.mp4`));
    return { ids, release };
  };

  it("leaves nothing behind: the next runs deliver, and the first uploads are gone", async () => {
    const { ids, release } = await midUpload("killed");
    await killProcessor();
    release();
    const jobs = await endAll(ids);
    expect(jobs.map(({ status, attempt }) => [status, attempt])).toEqual(ids.map(() => ["Completed", 2]));
    await nothingLeft();
  });

  it("leaves nothing behind when the jobs are cancelled then, although their credentials are gone", async () => {
    const { ids, release } = await midUpload("abandoned");
    await killProcessor();
    for (const id of ids) expect((await stack.call("DELETE", `/jobs/${id}`)).status).toBe(200);
    expect(sealedRows()).toBe(0);
    release();
    await nothingLeft();
  });
});

describe("secrets of callers", () => {
  /** Each failure shows in a different part of the service. */
  const secrets: string[] = [];
  const bodies: string[] = [];
  const freshSas = () => {
    const storage = callers.sasStorage();
    secrets.push(new URLSearchParams(storage.sas_token).get("sig") ?? "");
    return storage;
  };
  const four = <T>(make: (index: number) => T): T[] => Array.from({ length: 4 }, (_, index) => make(index));
  const send = async (method: string, path: string, body?: unknown) => {
    const response = await stack.call(method, path, body);
    bodies.push(JSON.stringify(response.body));
    return response as typeof response & { body: { job_id: string } };
  };
  const submit = async (storages: readonly InlineStorage[], name: string, url = film()) =>
    Promise.all(
      storages.map(async (storage, index) => {
        const response = await send("POST", "/jobs", { url, storage, filename: `${name}${index}` });
        expect(response.status).toBe(201);
        return response.body.job_id;
      }),
    );
  const ended = async (ids: readonly string[]) => {
    const jobs = await endAll(ids);
    bodies.push(JSON.stringify(jobs.map(({ s3_url, ...job }) => job)));
    return jobs.map(({ status, error_code }) => error_code ?? status);
  };

  it("pass through success, refusal, failure, crash, cancellation and timeout, and are found nowhere", async () => {
    secrets.push(...callers.secrets);
    const good = [...Object.values(callers.storages), ...four(freshSas)];
    expect(await ended(await submit(good, "success"))).toEqual(good.map(() => "Completed"));

    for (const storage of four((index) => index).flatMap(wrongStorages)) {
      const response = await send("POST", "/jobs", { url: film(), storage });
      expect(response.status).toBe(400);
    }

    const missing = await submit(four(freshSas), "failure", `${origin.url}/status/404`);
    expect(await ended(missing)).toEqual(missing.map(() => "unavailable"));

    let { release } = callers.holdParts();
    const crashing = await submit(four(freshSas), "crash");
    const cancelled = await submit(four(freshSas), "cancel");
    const begun = async () =>
      (await callers.unfinished("blob")).filter((key) => /\/(crash|cancel)\d/.test(key)).length;
    await expect.poll(begun, { timeout: 20_000, interval: 100 }).toBe(8);
    expect(sealedRows()).toBe(8);
    const foreign = secrets.filter((secret) => secret !== callers.azurite.accountKey);
    expect(await processesWith(spellings(foreign))).toEqual([]);
    for (const id of cancelled) await send("DELETE", `/jobs/${id}`);
    await killProcessor();
    release();
    expect(await ended(crashing)).toEqual(crashing.map(() => "Completed"));
    expect(await ended(cancelled)).toEqual(cancelled.map(() => "cancelled"));

    ({ release } = callers.holdParts());
    const late = await submit(four(freshSas), "timeout");
    expect(await ended(late)).toEqual(late.map(() => "timeout"));
    release();

    expect(new Set(secrets).size).toBe(40);
    expect(sealedRows()).toBe(0);
    expect(bodies.filter((body) => holdsAny(Buffer.from(body), spellings(secrets)))).toEqual([]);
    expect(await filesWith(stack.stateDir, spellings(secrets))).toEqual([]);
    // proof that the search works: a job's id is in the database, in its write-ahead log or in both
    expect(await filesWith(stack.stateDir, [late[0] ?? ""])).toEqual(
      expect.arrayContaining([expect.stringMatching(/sqlite/)]),
    );
  });

  function wrongStorages(index: number): InlineStorage[] {
    const { s3, blob, gcs, oss } = callers.storages;
    const canary = (name: string) => {
      const text = `canary-${name}-${index}-0123456789abcdef`;
      secrets.push(text);
      return text;
    };
    const base64 = Buffer.from(canary("blob"));
    return [
      { ...s3, secret_key: canary("s3") } as InlineStorage,
      { ...blob, account_key: base64.toString("base64") } as InlineStorage,
      { ...gcs, service_account_json: `{"private_key": "${canary("gcs")}"` } as InlineStorage,
      { ...oss, access_key_secret: canary("oss") } as InlineStorage,
    ];
  }
});

/** Rows of credentials in the database, read from its own file. */
function sealedRows(): number {
  const database = new DatabaseSync(databaseFile(), { readOnly: true });
  try {
    const row = database.prepare("select count(*) as rows from job_credentials").get();
    return Number(row?.rows);
  } finally {
    database.close();
  }
}

function databaseFile(): string {
  const files = readdirSync(stack.stateDir, { recursive: true, encoding: "utf8" });
  const file = files.find((name) => /D1DatabaseObject\/[0-9a-f]+\.sqlite$/.test(name));
  if (!file) throw new Error("the database has no file");
  return join(stack.stateDir, file);
}
