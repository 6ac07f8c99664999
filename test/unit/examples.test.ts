import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { Webhook } from "standardwebhooks";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { inRepository } from "../support/repository.ts";

const secret = `whsec_${Buffer.from("a secret of at least 24 bytes").toString("base64")}`;

/** Node and Python are everywhere; the others are run where they are installed. */
const RECEIVERS = (
  [
    ["Node", process.execPath, ["examples/webhooks/receiver.mjs"]],
    ["Python", "python3", ["examples/webhooks/receiver.py"]],
    ["PHP", "php", ["-S", "127.0.0.1:0", "examples/webhooks/receiver.php"]],
    ["Ruby", "ruby", ["examples/webhooks/receiver.rb"]],
    ["Go", "go", ["run", "examples/webhooks/receiver.go"]],
  ] as const
).filter(([name, program]) => ["Node", "Python"].includes(name) || isInstalled(program));

function isInstalled(program: string): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)));
}

const folder = mkdtempSync(join(tmpdir(), "receiver-"));
let receiver: ChildProcess | undefined;
afterEach(() => {
  if (receiver?.pid) process.kill(-receiver.pid);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(RECEIVERS)("the example of a webhook receiver in %s", (_, program, args) => {
  it("accepts a signed event once, and refuses an altered one and an old one", async () => {
    const child = spawn(program, args, {
      cwd: inRepository(),
      // `go run` starts another program
      detached: true,
      env: { PATH: process.env.PATH, HOME: homedir(), PORT: "0", TMPDIR: folder, WEBHOOK_SECRET: secret },
      stdio: ["ignore", "pipe", "pipe"],
    });
    receiver = child;
    const printed = createInterface(child.stdout)[Symbol.asyncIterator]();
    const [line] = await once(createInterface(child.stderr), "line");
    const port = Number(/127\.0\.0\.1:(\d+)|port (\d+)$/.exec(String(line))?.slice(1).find(Boolean));

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
