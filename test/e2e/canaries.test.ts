import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { mediaFolder } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { filesWith, holdsAny, processesWith, spellings } from "../support/secret-search.ts";
import { startTestStack, type TestStack } from "../support/test-stack.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../support/webhook-receiver.ts";

/**
 * Secrets that callers and the operator send in addresses: passwords and tokens of sources, of webhooks and of Slack,
 * and a session's cookie. They go through every way a job can end, and must be found nowhere afterwards.
 */

const canaries: string[] = [];

/** A secret that is made once and looked for everywhere. */
function canary(what: string): string {
  const text = `canary-${what}-${canaries.length}-Zq81xxKp04vw`;
  canaries.push(text);
  return text;
}

const cookie = canary("session");
let cookieFile: string;
let origin: Origin;
let receiver: WebhookReceiver;
let stack: TestStack;
let cron: NodeJS.Timeout;

beforeAll(async () => {
  const root = await mediaFolder({
    "film.mp4": ["mp4", { seconds: 12, width: 640, height: 360 }],
    hls: ["hls-ts"],
  });
  // the first attempts fail: they and their errors are stored, too
  [origin, receiver] = await Promise.all([
    startOrigin({ root }),
    startWebhookReceiver((count) => (count <= 2 ? 500 : 204)),
  ]);
  cookieFile = join(tmpdir(), `cookies-${process.pid}.txt`);
  const [host] = origin.host.split(":");
  const jar = `# Netscape HTTP Cookie File\n${host}\tFALSE\t/\tFALSE\t4102444800\tsid\t${cookie}\n`;
  await writeFile(cookieFile, jar, { mode: 0o600 });
  stack = await startTestStack({
    env: {
      ALLOWED_PRIVATE_HOSTS: `${origin.host},${receiver.host}`,
      YTDLP_COOKIES_FILE: cookieFile,
      LEASE_SECONDS: "4",
      HEARTBEAT_SECONDS: "1",
    },
  });
  cron = setInterval(() => void stack.reconcile(), 1_000);
}, 120_000);

afterAll(async () => {
  clearInterval(cron);
  await stack.stop();
  await Promise.all([origin.close(), receiver.close()]);
});

/** A source with two secrets in its address. */
function source(path: string): string {
  const url = new URL(path, origin.url);
  url.username = "reader";
  url.password = canary("password");
  url.searchParams.set("token", canary("token"));
  return url.href;
}

/** A webhook with a secret in its path and another in its query. */
const webhook = (): string =>
  `${new URL(receiver.url).origin}/hooks/${canary("path")}?key=${canary("query")}`;

it("are found in no file, log, process, queue, webhook event, error or metric", async () => {
  const errors: string[] = [];
  const create = async (path: string, request: object = {}): Promise<string> =>
    stack.create({ url: source(path), webhook_url: webhook(), ...request });
  const refuse = async (method: string, path: string, body: unknown) => {
    const response = await stack.call(method, path, body);
    expect(response.status).toBeGreaterThanOrEqual(400);
    errors.push(JSON.stringify(response.body));
  };
  const slack = `${new URL(receiver.url).origin}/services/${canary("slack")}`;
  expect((await stack.call("POST", "/user/slack", { webhook_url: slack })).status).toBe(200);

  const stored = canary("stored-cookie");
  const [site] = origin.host.split(":");
  const jar = `${site}\tFALSE\t/\tFALSE\t4102444800\tmember\t${stored}\n`;
  expect((await stack.call("PUT", `/user/cookies/${site}`, { cookies: jar })).status).toBe(200);
  await refuse("PUT", `/user/cookies/${site}`, { cookies: `${canary("damaged-cookie")}\t1` });
  await refuse("PUT", `/user/cookies/${site}`, { cookies: [{ name: canary("cookie-name"), value: "1" }] });

  // refusals: by the schema, by the address policy, by the source
  await refuse("POST", "/jobs", { url: source("/film.mp4"), format: 7, webhook_url: webhook() });
  await refuse("POST", "/jobs", {
    url: `http://me:${canary("private")}@127.0.0.1:1/?key=${canary("private")}`,
  });
  await refuse("POST", "/user/slack", { webhook_url: `http://10.0.0.1/${canary("slack")}` });
  await refuse("POST", "/metadata", { url: source("/status/404") });
  const typo = await stack.call("POST", "/jobs/plan", { url: source("/film.mp4"), webhookurl: webhook() });
  errors.push(JSON.stringify((typo.body as { adjustments: unknown }).adjustments));

  // every way to end
  const [done, stream, missing, broken] = await Promise.all([
    create("/film.mp4", { enable_progress_webhook: true }),
    create("/hls/index.m3u8"),
    create("/status/404"),
    create("/empty.html"),
  ]);
  const bulk = await stack.call<{ job_ids: string[] }>("POST", "/jobs/bulk", {
    jobs: [{ url: source("/film.mp4") }, { url: source("/status/403") }],
    webhook_url: webhook(),
  });
  origin.put("/slow.mp4", Buffer.alloc(8 << 20, 1));
  origin.behave("/slow.mp4", { bytesPerSecond: 50_000 });
  const slow = [await create("/slow.mp4"), await create("/slow.mp4")];
  for (const id of slow) await stack.until(id, ({ status }) => status === "Processing");
  expect(await processesWith(spellings(canaries))).toEqual([]);
  expect(await filesWith(stack.stateDir, spellings(canaries))).toEqual([]);
  // one is cancelled, the other loses its processor and is cancelled by hand afterwards
  await stack.call("DELETE", `/jobs/${slow[0]}`);
  process.kill(await stack.processorPid(), "SIGKILL");

  const ids = [done, stream, missing, broken, ...bulk.body.job_ids].filter((id) => id !== undefined);
  const jobs = await Promise.all(ids.map((id) => stack.end(id)));
  const again = await stack.call<{ job_id: string }>("POST", `/jobs/${missing}/retry`, {});
  await stack.end(again.body.job_id);
  await stack.call("DELETE", `/jobs/${slow[1]}`);
  for (const id of slow) await stack.end(id);

  // the owner sees what was sent, and the retry fetched it
  expect(jobs[2]?.url).toContain("canary-password");
  expect((await stack.job(again.body.job_id)).url).toBe(jobs[2]?.url);
  await receiver.until((received) => jobs.every(({ id }) => received.some(({ body }) => body.includes(id))));
  const bodies = receiver.received.map(({ body }) => body);
  const metrics = await (await fetch(`${stack.processorUrl}/metrics`)).text();
  const health = await (await fetch(`${stack.processorUrl}/healthz`)).text();
  const ends = jobs.map(({ error, adjustments, s3_key, title, webhook_last_error }) =>
    JSON.stringify([error, adjustments, s3_key, title, webhook_last_error]),
  );

  expect(new Set(canaries).size).toBeGreaterThanOrEqual(40);
  const leaks = [...bodies, ...errors, ...ends, metrics, health].filter((text) =>
    holdsAny(Buffer.from(text), spellings(canaries)),
  );
  expect(leaks).toEqual([]);
  expect(await filesWith(stack.stateDir, spellings(canaries))).toEqual([]);
  expect(await processesWith(spellings(canaries))).toEqual([]);
  // proof that the search works
  expect(await filesWith(stack.stateDir, [ids[0] ?? ""])).not.toEqual([]);
}, 180_000);
