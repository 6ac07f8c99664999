import { notFound } from "../lib/api-error.ts";
import { readBytes } from "../lib/body.ts";
import { isUuid } from "../lib/uuid.ts";
import { receivePush, verifyLease } from "../services/subscriptions/websub/receive.ts";
import type { AppContext, Handler } from "./route.ts";

/** Largest body that a hub may push, in bytes: feeds are pushed whole or by their new entries. */
const MAX_PUSH_BYTES = 4 << 20;

/** `GET /websub/{lease}`: a hub verifies that pushes were asked for. */
export const verifyHubLease: Handler = async (c) => {
  const challenge = await verifyLease(c.var.context, leaseId(c), {
    mode: c.req.query("hub.mode"),
    topic: c.req.query("hub.topic"),
    challenge: c.req.query("hub.challenge"),
    leaseSeconds: c.req.query("hub.lease_seconds"),
  });
  // as plain text, so that no browser takes it for a page
  return c.text(challenge, 200, { "x-content-type-options": "nosniff" });
};

/** `POST /websub/{lease}`: a hub pushes new entries. */
export const receiveHubPush: Handler = async (c) => {
  const body = await readBytes(c.req.raw, MAX_PUSH_BYTES);
  await receivePush(c.var.context, leaseId(c), body, c.req.header("x-hub-signature") ?? null);
  return c.body(null, 204);
};

function leaseId(c: AppContext): string {
  const id = (c.req.param("id") ?? "").toLowerCase();
  if (!isUuid(id)) throw notFound("page");
  return id;
}
