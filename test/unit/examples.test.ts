import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { Webhook } from "standardwebhooks";
import { afterEach, describe, expect, it } from "vitest";
import { inRepository } from "../support/repository.ts";

const secret = `whsec_${Buffer.from("a secret of at least 24 bytes").toString("base64")}`;

const RECEIVERS = [
  ["Node", process.execPath, "examples/webhooks/receiver.mjs"],
  ["Python", "python3", "examples/webhooks/receiver.py"],
] as const;

let receiver: ChildProcess | undefined;
afterEach(() => receiver?.kill());

describe.each(RECEIVERS)("the example of a webhook receiver in %s", (_, program, script) => {
  it("accepts a signed event once, and refuses an altered one and an old one", async () => {
    const child = spawn(program, [inRepository(script)], {
      env: { PATH: process.env.PATH, PORT: "0", WEBHOOK_SECRET: secret },
      stdio: ["ignore", "pipe", "pipe"],
    });
    receiver = child;
    const printed = createInterface(child.stdout)[Symbol.asyncIterator]();
    const [line] = await once(createInterface(child.stderr), "line");
    const port = Number(/\d+$/.exec(String(line))?.[0]);

    const send = async (body: string, signed: string, at: Date) => {
      const headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": `${Math.floor(at.getTime() / 1000)}`,
        "webhook-signature": new Webhook(secret).sign("evt_1", at, signed),
      };
      return (await fetch(`http://127.0.0.1:${port}/`, { method: "POST", headers, body })).status;
    };
    const body = '{"type":"job_completed"}';
    expect(await send(body, body, new Date())).toBe(204);
    expect((await printed.next()).value).toBe(body);
    expect(await send(body, body, new Date())).toBe(204);
    expect(await send('{"type":"job_failed"}', body, new Date())).toBe(401);
    expect(await send(body, body, new Date(Date.now() - 3_600_000))).toBe(401);
  });
});
