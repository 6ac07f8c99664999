import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Origin, startOrigin } from "../support/origin.ts";
import { startTestStack, type TestStack } from "../support/test-stack.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../support/webhook-receiver.ts";

/** Webhook events of the stack that `npm start` runs, as their receiver gets them through the real queue. */

let origin: Origin;
let stack: TestStack;
let receiver: WebhookReceiver;

beforeAll(async () => {
  origin = await startOrigin({ root: import.meta.dirname });
  receiver = await startWebhookReceiver((count) => (count === 1 ? 503 : 204));
  stack = await startTestStack({ env: { ALLOWED_PRIVATE_HOSTS: `${origin.host},${receiver.host}` } });
}, 120_000);

afterAll(async () => {
  await stack.stop();
  await Promise.all([origin.close(), receiver.close()]);
});

it("reports the end of a job, and reports it again with the same id when the endpoint was down", async () => {
  const job_id = await stack.create({ url: `${origin.url}/status/404`, webhook_url: receiver.url });
  await receiver.until(({ length }) => length === 2);
  const { body: secret } = await stack.call<{ webhook_signing_secret: string }>(
    "GET",
    "/user/webhook-secret",
  );
  const verifier = new Webhook(secret.webhook_signing_secret);
  for (const { body, headers } of receiver.received) {
    expect(verifier.verify(body, headers as Record<string, string>)).toMatchObject({
      type: "job_warning",
      job_id,
      error_code: "unavailable",
    });
  }
  expect(new Set(receiver.received.map(({ eventId }) => eventId)).size).toBe(1);
  expect(await stack.job(job_id)).toMatchObject({ status: "Warning" });
}, 120_000);
