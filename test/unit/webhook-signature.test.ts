import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { beforeAll, describe, expect, it } from "vitest";
import { makeWebhookSecret, signatureHeaders } from "../../worker/services/webhooks/signature.ts";

const body = JSON.stringify({ type: "job_completed", title: "Ünïcode and “quotes”", job_id: "1" });
const id = "01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c17";
const secret = makeWebhookSecret(randomBytes);
const former = makeWebhookSecret(randomBytes);

/** The rule of `X-Tornado-Signature`, as a receiver writes it: the secret's whole text is the key. */
function isTornadoSigned(header: string, content: string, key: string): boolean {
  const [, timestamp, given] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(header) ?? [];
  if (!timestamp || !given) return false;
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > 300) return false;
  const expected = createHmac("sha256", key).update(`${timestamp}.${content}`).digest();
  return timingSafeEqual(expected, Buffer.from(given, "hex"));
}

let headers: Record<string, string>;
beforeAll(async () => {
  const timestamp = Math.floor(Date.now() / 1000);
  headers = await signatureHeaders({ id, timestamp, body }, [secret, former]);
});
const header = (name: string): string => headers[name] ?? "";

describe("the signatures of a webhook event", () => {
  it("are accepted by Standard Webhooks, with the new and with the former secret", () => {
    expect(new Webhook(secret).verify(body, headers)).toEqual(JSON.parse(body));
    expect(new Webhook(former).verify(body, headers)).toEqual(JSON.parse(body));
    expect(header("webhook-signature").split(" ")).toHaveLength(2);
  });

  it("are accepted by the t=,v1= rule with the newest secret", () => {
    expect(isTornadoSigned(header("x-tornado-signature"), body, secret)).toBe(true);
    expect(isTornadoSigned(header("x-tornado-signature"), body, former)).toBe(false);
  });

  it("are refused with another secret", () => {
    expect(() => new Webhook(makeWebhookSecret(randomBytes)).verify(body, headers)).toThrow();
  });

  it("of 10,000 altered copies are all refused, by both rules", () => {
    const standard = new Webhook(secret);
    const parts = ["body", "webhook-id", "webhook-timestamp", "webhook-signature", "x-tornado-signature"];
    let taken = 0;
    for (let copy = 0; copy < 10_000; copy++) {
      const part = parts[copy % parts.length] ?? "body";
      const text = part === "body" ? body : header(part);
      // the former secret's signature comes after the new one's, which alone is altered here
      const altered = alter(text, copy, part === "webhook-signature" ? text.indexOf(" ") : text.length);
      const content = part === "body" ? altered : body;
      const changed = part === "body" ? headers : { ...headers, [part]: altered };
      const signed = changed["x-tornado-signature"] ?? "";
      if (part !== "x-tornado-signature" && isTaken(standard, content, changed)) taken += 1;
      const tornadoSees = part === "body" || part === "x-tornado-signature";
      if (tornadoSees && isTornadoSigned(signed, content, secret)) taken += 1;
    }
    expect(taken).toBe(0);
  });
});

/** Replaces the character at one position with a different one. */
function alter(text: string, seed: number, end: number): string {
  const at = (seed * 7919) % end;
  const code = text.charCodeAt(at);
  return text.slice(0, at) + String.fromCharCode(code === 0x37 ? 0x38 : 0x37) + text.slice(at + 1);
}

function isTaken(verifier: Webhook, content: string, given: Record<string, string>): boolean {
  try {
    verifier.verify(content, given);
    return true;
  } catch {
    return false;
  }
}
