import { once } from "node:events";
import { readdirSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { platformFolder } from "../../bin/stack/worker.ts";
import type { WebhookDelivery } from "../../schema/api/webhook.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { listen } from "../support/ports.ts";
import { startTestStack, type TestStack } from "../support/test-stack.ts";

/**
 * The Worker's process is killed while it delivers webhook events and while equal requests are made, again and again:
 * `WORKER_KILLS=300` for the whole campaign. The test does not wait for the claims of dead Workers: it ages them in the
 * database while no Worker is alive.
 */

const KILLS = Number(process.env.WORKER_KILLS ?? 6);
/** Requests with one idempotency key, made at the same time. */
const EQUAL_REQUESTS = 1_000;
/** Longest time between the acceptance of a job and a kill at a random moment, in milliseconds. */
const ANYTIME_MS = 1_000;

vi.setConfig({ testTimeout: 240_000 + KILLS * 60_000 });

interface Received {
  readonly eventId: string;
  readonly jobId: string;
}

/**
 * Where in a delivery the Worker is killed: resolves when it is time. Most of these moments come from the receiver's
 * own events.
 */
const MOMENTS = {
  "before the row is written": () => Promise.resolve(),
  "after the claim, as the receiver is being reached": () => once(endpoint, "connection"),
  "while the receiver is answering": () => once(endpoint, "delivery"),
  "after the response": () => once(endpoint, "answered"),
  "shortly after the response": async () => {
    await once(endpoint, "answered");
    await pause(Math.random() * 20);
  },
  "at any time": () => pause(Math.random() * ANYTIME_MS),
} as const satisfies Record<string, () => Promise<unknown>>;

let origin: Origin;
let endpoint: Server;
let endpointUrl: string;
let stack: TestStack;
let verifier: Webhook;
const received: Received[] = [];
/** If set, the receiver does not answer. */
let isMute = false;

beforeAll(async () => {
  origin = await startOrigin({ root: import.meta.dirname });
  endpoint = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { job_id } = verifier.verify(body, request.headers as Record<string, string>) as { job_id: string };
    received.push({ eventId: String(request.headers["webhook-id"]), jobId: job_id });
    endpoint.emit("delivery");
    if (isMute) return;
    response.writeHead(204, { connection: "close" }).end(() => endpoint.emit("answered"));
  });
  const host = `127.0.0.1:${await listen(endpoint)}`;
  endpointUrl = `http://${host}/in`;
  stack = await startTestStack({
    env: {
      ALLOWED_PRIVATE_HOSTS: `${origin.host},${host}`,
      LEASE_SECONDS: "4",
      HEARTBEAT_SECONDS: "1",
      DRAIN_SECONDS: "0",
    },
  });
  const { body } = await stack.call<{ webhook_signing_secret: string }>("GET", "/user/webhook-secret");
  verifier = new Webhook(body.webhook_signing_secret);
}, 120_000);

afterAll(async () => {
  await stack.stop();
  await origin.close();
  endpoint.closeAllConnections();
  await new Promise((resolve) => endpoint.close(resolve));
});

/** Repeats a request with its key until it is answered with 201, even if Workers die meanwhile. */
async function createOnce(key: string, request: object): Promise<Record<string, unknown>> {
  for (let wait = 200; ; wait = Math.min(wait * 2, 5_000)) {
    try {
      const response = await fetch(`${stack.url}/jobs`, {
        method: "POST",
        headers: { "x-api-key": stack.apiKey, "x-idempotency-key": key },
        body: JSON.stringify(request),
      });
      const body = (await response.json()) as Record<string, unknown>;
      if (response.status === 201) return body;
      if (response.status !== 409 && response.status < 500) throw new Error(JSON.stringify(body));
    } catch (error) {
      // nothing listens, or the Worker that did has died; any error other than a failed connection fails the test
      if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error;
    }
    await pause(wait * (0.5 + Math.random()));
  }
}

/** Acts as if the time had passed for which the claims of dead Workers hold. No Worker may be alive. */
function ageClaims(): void {
  const folder = join(platformFolder(stack.stateDir), "v3", "do", "miniflare-D1DatabaseObject");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  for (const file of files.filter((name) => /[0-9a-f]{64}\.sqlite$/.test(name))) {
    const database = new DatabaseSync(join(folder, file), { timeout: 10_000 });
    database.exec(`
      update webhook_deliveries set next_try_at = 0, hint_due_at = 0 where status = 'pending';
      update idempotency_keys set lease_until = 0 where status is null;
    `);
    database.close();
  }
}

async function killAt(moment: keyof typeof MOMENTS, work: () => Promise<unknown>): Promise<void> {
  isMute = moment === "while the receiver is answering";
  const isTime = MOMENTS[moment]();
  await work();
  await isTime;
  await stack.killWorker();
  isMute = false;
}

const deliveriesOf = async (jobId: string): Promise<WebhookDelivery[]> =>
  (await stack.call<{ deliveries: WebhookDelivery[] }>("GET", `/webhooks/deliveries?job_id=${jobId}`)).body
    .deliveries;

it(`killed ${KILLS} times around a delivery, it loses no event, and repeats carry the same id`, async () => {
  const moments = Object.keys(MOMENTS) as (keyof typeof MOMENTS)[];
  const jobIds: string[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const request = { url: `${origin.url}/status/404`, webhook_url: endpointUrl };
    await killAt(moments[kill % moments.length] ?? "at any time", async () => {
      jobIds.push(String((await createOnce(`job ${kill}`, request)).job_id));
    });
    ageClaims();
    await stack.restartWorker();
  }
  const waiting = new Set(jobIds);
  while (waiting.size > 0) {
    for (const id of waiting) {
      if ((await stack.job(id)).webhook_status === "delivered") waiting.delete(id);
    }
    await stack.reconcile();
    await pause(200);
  }
  expect(new Set(jobIds).size).toBe(KILLS);
  for (const id of jobIds) {
    const [delivery, ...others] = await deliveriesOf(id);
    const ids = received.filter(({ jobId }) => jobId === id).map(({ eventId }) => eventId);
    expect([others, new Set(ids)]).toEqual([[], new Set([delivery?.event_id])]);
  }
  process.stdout.write(
    `${KILLS} kills, ${jobIds.length} webhook events, ${received.length - jobIds.length} repeats\n`,
  );
});

it("killed while a thousand equal requests are made, it creates one job, and all get the same response", async () => {
  const request = { url: `${origin.url}/status/404`, folder: "equal" };
  const responses = Promise.all(
    Array.from({ length: EQUAL_REQUESTS }, () => createOnce("one for all", request)),
  );
  for (let kill = 0; kill < 2; kill++) {
    await pause(Math.random() * 300);
    await stack.killWorker();
    ageClaims();
    await stack.restartWorker();
  }
  const bodies = (await responses).map(({ cached: _, ...body }) => JSON.stringify(body));
  expect(bodies).toHaveLength(EQUAL_REQUESTS);
  expect(new Set(bodies).size).toBe(1);
  const { body } = await stack.call<{ jobs: { folder: string | null }[] }>("GET", "/jobs?limit=100");
  expect(body.jobs.filter(({ folder }) => folder === "equal")).toHaveLength(1);
});
