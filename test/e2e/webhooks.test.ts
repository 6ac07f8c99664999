import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Origin, startOrigin } from "../support/origin.ts";
import { startTestStack, type TestStack } from "../support/test-stack.ts";

/** Notices of the stack that `npm start` runs, as their receiver gets them through the real queue. */

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let origin: Origin;
let stack: TestStack;
let endpoint: Server;
let endpointUrl: string;
const received: Received[] = [];
const delivered = Promise.withResolvers<void>();

beforeAll(async () => {
  origin = await startOrigin({ root: import.meta.dirname });
  endpoint = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    received.push({ headers: request.headers, body });
    response.writeHead(received.length === 1 ? 503 : 204).end();
    if (received.length === 2) delivered.resolve();
  });
  await new Promise<void>((resolve) => endpoint.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(endpoint.address() as AddressInfo).port}`;
  endpointUrl = `http://${host}/in`;
  stack = await startTestStack({ env: { ALLOWED_PRIVATE_HOSTS: `${origin.host},${host}` } });
}, 120_000);

afterAll(async () => {
  await stack.stop();
  await origin.close();
  endpoint.closeAllConnections();
  await new Promise((resolve) => endpoint.close(resolve));
});

it("tells the end of a job, and tells it again with the same id when the endpoint was down", async () => {
  const job_id = await stack.create({ url: `${origin.url}/status/404`, webhook_url: endpointUrl });
  await delivered.promise;
  const { body: secret } = await stack.call<{ webhook_signing_secret: string }>(
    "GET",
    "/user/webhook-secret",
  );
  const verifier = new Webhook(secret.webhook_signing_secret);
  for (const { body, headers } of received) {
    expect(verifier.verify(body, headers as Record<string, string>)).toMatchObject({
      type: "job_warning",
      job_id,
      error_code: "unavailable",
    });
  }
  expect(new Set(received.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
  expect(await stack.job(job_id)).toMatchObject({ status: "Warning" });
}, 120_000);
