import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { type Checkout, makeCheckout, type RunningCommand } from "../support/checkout.ts";
import { freePort } from "../support/ports.ts";

/** How `npm start` handles the deaths of its parts, and its own. */

let checkout: Checkout;

beforeAll(() => {
  checkout = makeCheckout();
});

afterEach(() => {
  // what a failed test left is ended here, so that the next test does not fail with it
  expect(checkout.kill()).toEqual([]);
});

afterAll(() => checkout.remove());

async function start(
  env: Readonly<Record<string, string>> = {},
): Promise<RunningCommand & { pid: number; url: string }> {
  const command = checkout.start("npm start", { PORT: `${await freePort()}`, ...env });
  await command.printed("Waterspout is running.");
  const facts = JSON.parse(readFileSync(join(checkout.path, ".waterspout", "local.json"), "utf8"));
  return { ...command, pid: facts.pid, url: facts.url };
}

function kill(program: string): void {
  expect(checkout.kill(program)).not.toEqual([]);
}

it("restarts a processor that died, and leaves nothing running when it is killed itself", async () => {
  const stack = await start();
  kill("processor/main.ts");
  await stack.printed("the processor was ended by SIGKILL; it is started again in 0.5 s");
  await vi.waitFor(async () => expect((await fetch(`${stack.url}/readyz`)).status).toBe(200), {
    timeout: 15_000,
  });

  process.kill(stack.pid, "SIGKILL");
  await stack.ended;
  await vi.waitFor(() => expect(checkout.processes()).toEqual([]), { timeout: 15_000 });
}, 60_000);

it("stops what a killed stack left running before it starts again", async () => {
  const killed = await start();
  for (const program of ["bin/stack/guard/guard.ts", "bin/start.ts"]) kill(program);
  await killed.ended;
  const left = checkout.processes();
  expect(left.length).toBeGreaterThan(2);

  const stack = await start();
  expect(stack.output()).toContain("the last stack on this state was killed");
  expect(checkout.processes().filter((pid) => left.includes(pid))).toEqual([]);
  stack.process.kill("SIGINT");
  expect(await stack.ended).toBe(0);
}, 60_000);

it("exits with 1 and the log's last lines when the Worker died", async () => {
  const stack = await start();
  kill("platform/main.ts");
  expect(await stack.ended).toBe(1);
  expect(stack.output()).toContain("The Worker was ended by SIGKILL. The end of its log");
}, 60_000);

it("passes on the person's own variables unchanged", async () => {
  const token = `a-$TOKEN-of-'mine'#1-"quoted"`;
  const stack = await start({ ADMIN_TOKEN: token });
  const response = await fetch(`${stack.url}/admin/accounts`, {
    headers: { authorization: `Bearer ${token}` },
  });
  expect(response.status).toBe(200);
  stack.process.kill("SIGTERM");
  expect(await stack.ended).toBe(0);
}, 60_000);
