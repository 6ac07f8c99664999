import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import {
  DOORS,
  type Door,
  type DoorServers,
  type Knock,
  startDoorServers,
} from "../support/addresses/doors.ts";
import { type AddressForm, addressForms, formsOfPlace } from "../support/addresses/forms.ts";
import { setTrap, type Trap } from "../support/addresses/trap.ts";
import { media } from "../support/media.ts";
import { inRepository } from "../support/repository.ts";
import { startTestStack, type TestStack } from "../support/test-stack.ts";

/**
 * Every form of an internal address, at every entry point of a running stack: none may reach the trap. By default each
 * entry point is tried with one form of each kind, others at each; `npm run addresses` tries all forms everywhere and
 * writes its table into the file `ADDRESSES`.
 */

const REPORT = process.env.ADDRESSES;
/** Requests and jobs in flight at the same time. */
const AT_ONCE = REPORT ? 24 : 8;
/** A job that has not ended by then is cancelled. */
const JOB_MS = 20_000;
const BETWEEN_LOOKS_MS = REPORT ? 400 : 100;

vi.setConfig({ testTimeout: REPORT ? 3_600_000 : 240_000 });

let folder: string;
let dialLog: string;
let trap: Trap;
/** A host that the operator allowed; a connection to it shows that the entry point dials at all. */
let witness: Trap;
let servers: DoorServers;
let stack: TestStack;
let all: readonly AddressForm[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "addresses-"));
  dialLog = join(folder, "dials.log");
  writeFileSync(dialLog, "");
  [trap, witness] = await Promise.all([setTrap(), setTrap()]);
  servers = await startDoorServers(readFileSync(await media("mp4", { seconds: 2, width: 320, height: 180 })));
  all = addressForms(trap.port, servers.originUrl);
  const preload = pathToFileURL(inRepository("test/support/addresses/resolver.mjs"));
  preload.searchParams.set("log", dialLog);
  stack = await startTestStack({
    env: {
      ...servers.variables,
      ALLOWED_PRIVATE_HOSTS: `${servers.hosts},127.0.0.1:${witness.port}`,
      NETWORK_SLOTS: `${AT_ONCE}`,
      NODE_OPTIONS: `--import=${preload.href}`,
      MAX_BACKLOG: "100000",
    },
  });
}, 120_000);

afterAll(async () => {
  await stack?.stop();
  await servers?.close();
  await Promise.all([trap?.close(), witness?.close()]);
  await rm(folder, { recursive: true, force: true });
});

/** Connections that tried to reach the trap, or would have at an address that this machine does not have. */
const breaches = (): string[] =>
  readFileSync(dialLog, "utf8")
    .split("\n")
    .filter((line) => line.endsWith(`:${trap.port}`));

/** @returns whether the service accepted the request and checked the address later */
async function bring({ path, body }: Knock, door: Door): Promise<boolean> {
  const { status, body: response } = await stack.call<{ job_id?: string; code?: string }>("POST", path, body);
  // an unreadable feed is not the caller's fault: the caller named a show
  if (response.code === "dependency_unavailable" && door === "podcast feed") return true;
  expect(status, `${door} ${JSON.stringify(body)} ${JSON.stringify(response)}`).toBeLessThan(500);
  if (status >= 300) return false;
  if (door === "Slack") {
    await endOf(await stack.create({ url: `${servers.originUrl}/missing` }));
    return true;
  }
  if (response.job_id !== undefined) await endOf(response.job_id);
  return true;
}

/** Waits for the first run of a job and its first webhook; a run that waits for a retry is cancelled. */
async function endOf(id: string): Promise<void> {
  const isLate = AbortSignal.timeout(JOB_MS);
  while (!isLate.aborted) {
    const { status, attempt, webhook_status, webhook_attempts } = await stack.job(id);
    if (status === "Pending" && attempt > 0) break;
    const isOver = status !== "Pending" && status !== "Processing";
    if (isOver && (webhook_status !== "pending" || webhook_attempts > 0)) return;
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_LOOKS_MS));
  }
  await stack.call("DELETE", `/jobs/${id}`);
}

/** These name the address by a server or setting that all attempts share. */
const ONE_BY_ONE: ReadonlySet<Door> = new Set(["podcast feed", "podcast enclosure", "Slack"]);

/** Without it, an entry point that never connects would pass as well. */
async function requireOpen(door: Door): Promise<void> {
  const before = witness.connections;
  await bring(servers.knock(door, `http://127.0.0.1:${witness.port}/open.mp4`), door);
  await stack.reconcile();
  await vi.waitFor(() => expect(witness.connections).toBeGreaterThan(before), { timeout: 20_000 });
}

it.for(DOORS)("nothing internal is reached by way of: %s", async (door) => {
  await requireOpen(door);
  const forms = REPORT ? all : formsOfPlace(all, DOORS.indexOf(door), DOORS.length);
  const queue = [...forms.entries()];
  let taken = 0;
  const work = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const [index, form] = next;
      if (await bring(servers.knock(door, form.url(`/${index}.mp4`)), door)) taken += 1;
    }
  };
  await Promise.all(Array.from({ length: ONE_BY_ONE.has(door) ? 1 : AT_ONCE }, work));
  await stack.reconcile();
  const row = `| ${door} | ${forms.length} | ${forms.length - taken} | ${taken} | ${trap.connections} |\n`;
  if (REPORT) appendFileSync(REPORT, row);
  expect({ connections: trap.connections, dials: breaches() }).toEqual({ connections: 0, dials: [] });
});

it("the trap notices when it is reached", async () => {
  const { port } = trap;
  await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
  await vi.waitFor(() => expect(trap.connections).toBeGreaterThan(0));
});
