import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { Job } from "../../schema/api/job.ts";
import { type LocalProxy, startLocalProxy } from "../support/exits/local-proxy.ts";
import { type StrictSite, startStrictSite } from "../support/exits/strict-site.ts";
import { mediaFolder } from "../support/media.ts";
import { filesWith, holdsAny, processesWith, spellings } from "../support/secret-search.ts";
import { startTestStack, type TestStack } from "../support/test-stack.ts";

/**
 * Ten exits at a site that bans addresses. Three of them are burnt from the beginning. `EXIT_JOBS=1000` runs the
 * acceptance of the whole: at least 99 % of the jobs are delivered.
 */

const JOBS = Number(process.env.EXIT_JOBS ?? 60);
vi.setConfig({ testTimeout: JOBS > 60 ? 3_600_000 : 240_000 });
const EXITS = Array.from({ length: 10 }, (_, index) => `127.0.0.${11 + index}`);
const BURNT = ["127.0.0.12", "127.0.0.15", "127.0.0.18"];
const PASSWORD = `canary-proxy-${process.pid}-Zq81xxKp04vw`;
const COUNTRIES = Object.fromEntries(EXITS.map((address, index) => [address, index < 2 ? "DE" : "US"]));

let site: StrictSite;
let proxies: LocalProxy[];
let stack: TestStack;
let cron: NodeJS.Timeout;

beforeAll(async () => {
  const folder = await mediaFolder({ "film.mp4": ["mp4", { seconds: 1 }] });
  const media = await readFile(join(folder, "film.mp4"));
  site = await startStrictSite(media, {
    burnt: BURNT,
    pagesPerMinute: 300,
    pagesPerLogin: 20,
    countries: COUNTRIES,
  });
  proxies = await Promise.all(
    EXITS.map((address, index) =>
      startLocalProxy({
        ...{ address, kind: index % 2 === 0 ? "http" : "socks5" },
        login: { user: "customer-session-{session}", password: PASSWORD },
      }),
    ),
  );
  const exits = proxies.map(({ url }, index) => ({
    ...{ name: nameOf(index), country: COUNTRIES[EXITS[index] ?? ""], cost_per_gb: 2 },
    // the provider's user name has the session
    url: url.replace("%7Bsession%7D", "{session}"),
    max_runs: 20,
  }));
  stack = await startTestStack({
    env: {
      ALLOWED_PRIVATE_HOSTS: site.hosts.join(","),
      EXITS: JSON.stringify([...exits, { name: "direct", url: "direct", cost_per_gb: 1_000 }]),
      YTDLP_EXTRACTOR_RETRIES: "0",
      NETWORK_SLOTS: "8",
    },
  });
  // there is none while the Worker is dead
  cron = setInterval(() => void stack.reconcile().catch(() => {}), 2_000);
}, 120_000);

afterAll(async () => {
  clearInterval(cron);
  await stack.stop();
  await Promise.all([site.close(), ...proxies.map((proxy) => proxy.close())]);
});

const nameOf = (index: number): string => `exit-${index + 1}`;

const pagesOf = (addresses: readonly string[]): number =>
  addresses.reduce((sum, address) => sum + (site.seen.get(address)?.pages ?? 0), 0);

const allPages = (): number => pagesOf([...site.seen.keys()]);

/** Creates jobs for pages of a kind. */
const create = (kind: string, count: number, request: object = {}): Promise<string[]> =>
  Promise.all(
    Array.from({ length: count }, (_, index) =>
      stack.create({
        url: `${site.url}/${kind}/${index}`,
        filename: `${kind.replaceAll("/", "-")}-${index}`,
        reuse: "never",
        ...request,
      }),
    ),
  );

interface PairStatus {
  readonly exit: string;
  readonly state: string;
}

async function openExits(): Promise<string[]> {
  const response = await fetch(`${stack.url}/status`, {
    headers: { authorization: `Bearer ${stack.adminToken}` },
  });
  const { operator } = (await response.json()) as { operator: { exits: PairStatus[] } };
  return operator.exits
    .filter(({ state }) => state !== "closed")
    .map(({ exit }) => exit)
    .sort();
}

const burntNames = BURNT.map((address) => nameOf(EXITS.indexOf(address))).sort();

it("delivers, leaves burnt exits alone, keeps sessions at their exit, and pays for as little media as possible", async () => {
  const firstJobs: Job[] = [];
  // an exit with many addresses behind it is left alone after several refusals, so it must be tried several times
  for (let round = 0; round < 10 && (await openExits()).length < BURNT.length; round++) {
    const ids = await create(`watch/${round}`, 20);
    firstJobs.push(...(await Promise.all(ids.map((id) => stack.end(id)))));
  }
  expect(await openExits()).toEqual(burntNames);
  const [burntBefore, allBefore] = [pagesOf(BURNT), allPages()];

  // what was learnt survives the death of the Worker
  await stack.killWorker();
  await stack.restartWorker();
  expect(await openExits()).toEqual(burntNames);

  const half = Math.ceil(Math.max(30, JOBS - firstJobs.length) / 2);
  const ids = [...(await create("watch-on", half)), ...(await create("open", half))];
  const jobs = [...firstJobs, ...(await Promise.all(ids.map((id) => stack.end(id))))];

  const completed = jobs.filter(({ status }) => status === "Completed");
  expect(completed.length / jobs.length, errorsOf(jobs)).toBeGreaterThanOrEqual(0.99);
  expect(new Set(completed.map(({ exit }) => exit)).size).toBe(EXITS.length - BURNT.length);
  const share = (pagesOf(BURNT) - burntBefore) / (allPages() - allBefore);
  expect(share).toBeLessThan(0.02);
  expect(site.strays).toEqual([]);

  // media that needs no session comes directly, all other media and all pages through the exits
  const size = completed.find(({ url }) => url?.includes("/open/"))?.file_size ?? 0;
  const openJobs = completed.filter(({ url }) => url?.includes("/open/")).length;
  expect(site.seen.get("127.0.0.1")?.pages ?? 0).toBe(0);
  expect(site.seen.get("127.0.0.1")?.bytes ?? 0).toBeGreaterThanOrEqual(openJobs * size);
  // each run logs in with a session of its own
  const users = proxies.flatMap((proxy) => proxy.users);
  expect(new Set(users).size).toBeGreaterThan(JOBS / 2);
});

it("asks from the country that a job names, and from another one where a country is refused", async () => {
  const [asked] = await create("only/DE", 1, { geo: "de" });
  const job = await stack.end(asked ?? "");
  expect(job).toMatchObject({ status: "Completed", exit: "exit-1" });
  const elsewhere = await create("only/US", 4);
  for (const id of elsewhere) expect(await stack.end(id)).toMatchObject({ status: "Completed" });
  const { status, body } = await stack.call<{ error: string }>("POST", "/jobs", {
    ...{ url: `${site.url}/only/FR/1`, geo: "FR" },
  });
  expect([status, body.error]).toEqual([400, expect.stringContaining("FR")]);
});

it("sends the cookies of a login through the exit that they are bound to, and through no other", async () => {
  const [address = "", exit] = [EXITS[3], nameOf(3)];
  const [name, value] = site.memberCookie(address).split("=");
  const cookies = [`127.0.0.1\tFALSE\t/\tFALSE\t0\t${name}\t${value}`].join("\n");
  const saved = await stack.call("PUT", "/user/cookies/127.0.0.1", {
    ...{ cookies: `# Netscape HTTP Cookie File\n${cookies}\n`, exit },
  });
  expect(saved.status).toBe(200);

  const members = await create("members", Math.max(6, JOBS / 20));
  for (const id of members) expect(await stack.end(id)).toMatchObject({ status: "Completed", exit });
  // others may go where they like
  const [open] = await create("open/anew", 1, { cookies: "never" });
  expect(await stack.end(open ?? "")).toMatchObject({ status: "Completed" });
  expect(site.strays).toEqual([]);
}, 1_800_000);

it("shows proxies' passwords nowhere", async () => {
  const forms = spellings([PASSWORD]);
  const answers = await Promise.all(
    ["/jobs?limit=100", "/openapi.json"].map(async (path) => JSON.stringify(await stack.call("GET", path))),
  );
  expect(holdsAny(Buffer.from(answers.join("\n")), forms)).toBe(false);
  const logs = await filesWith(join(stack.stateDir, "logs"), forms);
  expect(logs).toEqual([]);
  const processes = await processesWith(forms);
  expect(processes.filter((file) => file.endsWith("cmdline"))).toEqual([]);
});

const errorsOf = (jobs: readonly Job[]): string =>
  JSON.stringify(
    jobs.filter(({ error_code }) => error_code !== null).map(({ error_code, url }) => [error_code, url]),
  );
