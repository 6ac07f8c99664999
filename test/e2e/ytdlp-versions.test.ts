import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { readConfig } from "../../processor/config.ts";
import { discoverTools } from "../../processor/tools/discover.ts";
import type { Job } from "../../schema/api/job.ts";
import { mediaFolder } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { startTestStack, type TestStack } from "../support/test-stack.ts";
import { copyYtdlp } from "../support/ytdlp-copies.ts";

/** Two versions of yt-dlp in a whole stack: a broken one fails no job, a better one is promoted, and both outlive kills. */

const [PINNED, NEWER] = ["2026.12.1", "2026.12.2"];
/** Within these many jobs a version must be judged. */
const JOBS = 5;

let folder: string;
let origin: Origin;
let stack: TestStack;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "versions-stack-"));
  const settings = { ...process.env, WORKER_URL: "http://127.0.0.1:9", PROCESSOR_TOKEN: "0123456789abcdef" };
  const { ytdlp } = await discoverTools(readConfig(settings));
  origin = await startOrigin({ root: await mediaFolder({ "film.mp4": ["mp4", { seconds: 1 }] }) });
  stack = await startTestStack({
    env: {
      ALLOWED_PRIVATE_HOSTS: origin.host,
      YTDLP_CANARY_PERCENT: "100",
      YTDLP_PATH: copyYtdlp(ytdlp, join(folder, "pinned"), { name: "pinned", version: PINNED }),
      YTDLP_CANDIDATE_PATH: copyYtdlp(ytdlp, join(folder, "newer"), { name: "newer", version: NEWER }),
    },
  });
}, 120_000);

afterAll(async () => {
  await stack.stop();
  await origin.close();
  await rm(folder, { recursive: true, force: true });
});

async function deliver(failure: string): Promise<Job> {
  const url = `${origin.url}/film.mp4?id=${crypto.randomUUID()}${failure}`;
  const job = await stack.end(await stack.create({ url, reuse: "never" }));
  expect(job, job.error ?? "").toMatchObject({ status: "Completed", attempt: 1 });
  return job;
}

async function stateOfNewer(): Promise<string | undefined> {
  const headers = { authorization: `Bearer ${stack.adminToken}` };
  const response = await fetch(`${stack.url}/status`, { headers });
  const { operator } = (await response.json()) as { operator: { ytdlp: { state: string }[] } };
  return operator.ytdlp[0]?.state;
}

interface Readiness {
  readonly parts: {
    readonly processor: { readonly checks: readonly { readonly name: string; readonly detail: string }[] };
  };
}

/** Resolves when the processor has warmed up the newer version. */
const untilReady = () =>
  vi.waitFor(
    async () => {
      const { parts } = (await (await fetch(`${stack.url}/readyz`)).json()) as Readiness;
      const check = parts.processor.checks.find(({ name }) => name === "ytdlp_candidate");
      expect(check?.detail).toBe(`yt-dlp ${NEWER} is tried`);
    },
    { timeout: 60_000, interval: 200 },
  );

const versionOf = ({ tool_versions }: Job) => tool_versions?.ytdlp;

it("judges a newer version within five jobs, none of which fails, and still knows it after it was killed", async () => {
  await untilReady();
  // the newer one is broken, and every run would try it first
  for (let job = 0; job < JOBS; job++) expect(versionOf(await deliver("&newer=raise"))).toBe(PINNED);
  expect(await stateOfNewer()).toBe("rolled_back");

  await stack.killWorker();
  await stack.restartWorker();
  expect(await stateOfNewer()).toBe("rolled_back");
  expect(versionOf(await deliver(""))).toBe(PINNED);

  // the site changes, and only the newer one can read it
  for (let job = 0; job < JOBS; job++) expect(versionOf(await deliver("&pinned=defect"))).toBe(NEWER);
  expect(await stateOfNewer()).toBe("promoted");
  process.kill(await stack.processorPid(), "SIGKILL");
  await stack.killWorker();
  await stack.restartWorker();
  expect(await stateOfNewer()).toBe("promoted");
  await untilReady();
  expect(versionOf(await deliver(""))).toBe(NEWER);
}, 180_000);
