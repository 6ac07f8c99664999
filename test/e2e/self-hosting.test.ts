import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type FormerState, makeFormerState } from "../../bin/image/former-state.ts";
import { createBackup } from "../../bin/stack/backup/create-backup.ts";
import { restoreBackup } from "../../bin/stack/backup/restore-backup.ts";
import { createClient } from "../../schema/client.ts";
import { media } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { startS3 } from "../support/s3-server.ts";
import { startTestStack, type TestStack } from "../support/test-stack.ts";

/** One installation over its life: upgraded from the former version, backed up under load, lost, restored elsewhere. */

let folder: string;
let origin: Origin;
let former: FormerState;
let stack: TestStack;
const stateOf = (name: string) => join(folder, name);
const start = (name: string, env: Readonly<Record<string, string>> = {}) =>
  startTestStack({ stateDir: stateOf(name), env: { ALLOWED_PRIVATE_HOSTS: origin.host, ...env } });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "self-hosting-"));
  const file = await readFile(await media("mp4", { seconds: 2, width: 320, height: 180 }));
  origin = await startOrigin({ bodies: { "/talk.mp4": file } });
  former = await makeFormerState(stateOf("first"));
  stack = await start("first");
}, 120_000);

afterAll(async () => {
  await stack?.stop();
  await origin?.close();
  await rm(folder, { recursive: true, force: true });
});

it("brings the state of the former version up to date", async () => {
  const api = createClient({ url: stack.url, apiKey: former.apiKey });
  expect((await api.listJobs({ query: { limit: 1 } })).jobs).toEqual([]);
});

it("restores a backup that was made under load", { timeout: 120_000 }, async () => {
  const delivered = await stack.end(await stack.create({ url: `${origin.url}/talk.mp4`, folder: "before" }));
  expect(delivered.status).toBe("Completed");

  const created: string[] = [];
  let isOver = false;
  const load = Promise.all(
    Array.from({ length: 4 }, async () => {
      while (!isOver) created.push(await stack.create({ url: `${origin.url}/talk.mp4?${created.length}` }));
    }),
  );
  const before: string[] = [];
  while (before.length < 5) before.push(await stack.create({ url: `${origin.url}/talk.mp4` }));
  await createBackup(stack.stateDir, stateOf("backup"));
  isOver = true;
  await load;
  await stack.killWorker();
  await stack.stop();

  expect(() => restoreBackup(stateOf("backup"), stateOf("first"), false)).toThrow(/holds a state already/);
  restoreBackup(stateOf("backup"), stateOf("second"), false);
  stack = await start("second");
  const restored = await stack.job(delivered.id);
  expect(restored).toMatchObject({ status: "Completed", file_size: delivered.file_size });
  const response = await fetch(String(restored.s3_url));
  expect((await response.arrayBuffer()).byteLength).toBe(delivered.file_size);
  for (const id of before) expect((await stack.call("GET", `/jobs/${id}`)).status).toBe(200);
  expect((await stack.end(await stack.create({ url: `${origin.url}/talk.mp4` }))).status).toBe("Completed");
  expect(() => restoreBackup(stateOf("backup"), stateOf("second"), true)).toThrow(/is running/);
});

it("refuses a folder that is not empty, a missing backup, and one of a newer version", async () => {
  await expect(createBackup(stateOf("second"), stateOf("backup"))).rejects.toThrow(/is not empty/);
  await expect(createBackup(stateOf("nothing"), stateOf("other"))).rejects.toThrow(/holds no state/);
  expect(() => restoreBackup(folder, stateOf("third"), false)).toThrow(/holds no backup/);
  const file = join(stateOf("backup"), "backup.json");
  const manifest = JSON.parse(await readFile(file, "utf8"));
  await writeFile(
    file,
    JSON.stringify({ ...manifest, migrations: [...manifest.migrations, "9999_later.sql"] }),
  );
  expect(() => restoreBackup(stateOf("backup"), stateOf("third"), false)).toThrow(/newer version/);
});

it("finishes responses that are under way when it is stopped, and keeps what it accepted", {
  timeout: 120_000,
}, async () => {
  const { hostname, port } = new URL(stack.url);
  const body = JSON.stringify({ url: `${origin.url}/talk.mp4?last` });
  const request = http.request(`${stack.url}/jobs`, {
    method: "POST",
    headers: { "x-api-key": stack.apiKey, "content-type": "application/json", "content-length": body.length },
  });
  const answered = once(request, "response") as Promise<[http.IncomingMessage]>;
  request.write(body.slice(0, 10));
  await once(request, "socket");
  const stopped = stack.stop();
  const isOpen = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect(Number(port), hostname, () => socket.end(() => resolve(true)));
      socket.once("error", () => resolve(false));
    });
  await expect.poll(isOpen, { timeout: 60_000, interval: 50 }).toBe(false);
  request.end(body.slice(10));
  const [response] = await answered;
  expect(response.statusCode).toBe(201);
  const { job_id } = (await json(response)) as { job_id: string };
  await stopped;

  stack = await start("second");
  expect((await stack.end(job_id)).status).toBe("Completed");
});

it("moves a state aside when asked to replace it", async () => {
  await stack.stop();
  const file = join(stateOf("backup"), "backup.json");
  const manifest = JSON.parse(await readFile(file, "utf8"));
  await writeFile(file, JSON.stringify({ ...manifest, migrations: [] }));
  const { former: aside } = restoreBackup(stateOf("backup"), stateOf("second"), true);
  expect(await readFile(join(aside ?? "", "secrets.json"), "utf8")).toContain("ADMIN_TOKEN");
});

it("delivers to a bucket of another service, which S3_… name", { timeout: 120_000 }, async () => {
  const s3 = await startS3();
  try {
    // callers reach the service by another name than this machine does
    const publicEndpoint = s3.endpoint.replace("127.0.0.1", "localhost");
    stack = await start("elsewhere", {
      ...{ S3_ENDPOINT: s3.endpoint, S3_PUBLIC_ENDPOINT: publicEndpoint, S3_BUCKET: s3.bucket },
      ...{ S3_ACCESS_KEY_ID: s3.accessKeyId, S3_SECRET_ACCESS_KEY: s3.secretAccessKey },
    });
    expect((await fetch(`${stack.url}/readyz`)).status).toBe(200);
    const job = await stack.end(await stack.create({ url: `${origin.url}/talk.mp4`, format: "mkv" }));
    expect(job).toMatchObject({ status: "Completed", storage_provider: "s3" });
    expect(job.s3_url).toMatch(publicEndpoint);
    const bytes = await (await fetch(String(job.s3_url))).arrayBuffer();
    expect(createHash("sha256").update(new Uint8Array(bytes)).digest("hex")).toBe(job.sha256);
    expect(await s3.unfinishedUploads()).toEqual([]);
    expect((await stack.call("DELETE", `/jobs/${job.id}/file`)).status).toBe(200);
    expect((await fetch(String(job.s3_url))).status).toBe(404);
  } finally {
    await stack.stop();
    await s3.close();
  }
});
