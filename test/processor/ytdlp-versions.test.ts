import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readConfig } from "../../processor/config.ts";
import { discoverTools, type YtdlpTool } from "../../processor/tools/discover.ts";
import { Candidates } from "../../processor/tools/updates/candidates.ts";
import { NO_COOKIES } from "../../schema/wire/cookies.ts";
import type { ListLine } from "../../schema/wire/probe.ts";
import type { ProcessorHealth } from "../../schema/wire/run.ts";
import type { YtdlpPolicy } from "../../schema/wire/ytdlp-versions.ts";
import { mediaFolder } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { type ProcessorBench, startProcessorBench } from "../support/processor.ts";
import { copyYtdlp, type YtdlpFailure } from "../support/ytdlp-copies.ts";

/** Two versions of yt-dlp in one processor: copies of the installed one that fail on demand. */

const [PINNED, NEWER] = ["2026.12.1", "2026.12.2"];
const CANARY: YtdlpPolicy = { first: [], last: [], canary: true };
const LAST: YtdlpPolicy = { first: [], last: [NEWER], canary: true };

let folder: string;
let installed: YtdlpTool;
let origin: Origin;
let bench: ProcessorBench;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "versions-"));
  const settings = { ...process.env, WORKER_URL: "http://127.0.0.1:9", PROCESSOR_TOKEN: "0123456789abcdef" };
  installed = (await discoverTools(readConfig(settings))).ytdlp;
  origin = await startOrigin({ root: await mediaFolder({ "film.mp4": ["mp4", { seconds: 1 }] }) });
  bench = await startProcessorBench([origin.host], {
    YTDLP_PATH: copyYtdlp(installed, join(folder, "pinned"), { name: "pinned", version: PINNED }),
    YTDLP_CANDIDATE_PATH: copyYtdlp(installed, join(folder, "newer"), { name: "newer", version: NEWER }),
  });
  await bench.processor.updated();
}, 120_000);

afterAll(async () => {
  await bench.close();
  await origin.close();
  await rm(folder, { recursive: true, force: true });
});

/** @param failures by the name of the copy */
const film = (failures: Partial<Record<"pinned" | "newer", YtdlpFailure>> = {}) =>
  `${origin.url}/film.mp4?${new URLSearchParams({ id: crypto.randomUUID(), ...failures })}`;

const run = (url: string, ytdlp?: YtdlpPolicy) => bench.run(url, {}, ytdlp ? { ytdlp } : {});

const healthOf = async ({ processor }: ProcessorBench) =>
  (await (await processor.app.request("/healthz")).json()) as ProcessorHealth;

const report = (...results: [role: string, result: string][]) => ({
  candidate: NEWER,
  results: results.map(([role, result]) => ({ role, result })),
});

describe("a processor with two versions", () => {
  it("keeps both warm, and says which there are", async () => {
    expect((await healthOf(bench)).tools).toMatchObject({ ytdlp: PINNED, ytdlp_candidate: NEWER });
  });

  it("uses the pinned one, the newer one for a canary or where it is promoted, and reports which delivered", async () => {
    const uses: [YtdlpPolicy | undefined, string, string][] = [
      [undefined, "pinned", PINNED],
      [CANARY, "candidate", NEWER],
      [LAST, "pinned", PINNED],
      [{ first: [NEWER], last: [], canary: false }, "candidate", NEWER],
    ];
    for (const [policy, role, version] of uses) {
      expect(await run(film(), policy)).toMatchObject({
        type: "completed",
        tools: { ytdlp: version, ytdlp_channel: "stable" },
        ytdlp: report([role, "served"]),
      });
    }
  });

  it.each<[YtdlpFailure, string]>([
    ["raise", "unsupported_url"],
    ["defect", "unsupported_url"],
    ["crash", "internal"],
    ["pictures", "no_format"],
  ])("delivers within the same run when one of them fails (%s)", async (failure, code) => {
    expect(await run(film({ newer: failure }), CANARY)).toMatchObject({
      type: "completed",
      tools: { ytdlp: PINNED },
      ytdlp: report(["candidate", code], ["pinned", "served"]),
    });
    expect(await run(film({ pinned: failure }))).toMatchObject({
      type: "completed",
      tools: { ytdlp: NEWER },
      ytdlp: report(["pinned", code], ["candidate", "served"]),
    });
  });

  it("uses a version that was rolled back only after the pinned one", async () => {
    expect(await run(film({ pinned: "raise" }), LAST)).toMatchObject({
      type: "completed",
      ytdlp: report(["pinned", "unsupported_url"], ["candidate", "served"]),
    });
  });

  it("reports that no version can read a page", async () => {
    const outcome = await run(film({ pinned: "raise", newer: "raise" }), CANARY);
    expect(outcome).toMatchObject({
      ...{ type: "failed", code: "unsupported_url", tools: { ytdlp: PINNED } },
      ytdlp: report(["candidate", "unsupported_url"], ["pinned", "unsupported_url"]),
    });
  });

  it("accepts what a source says of its media, and does not ask again", async () => {
    for (const url of [film({ pinned: "private", newer: "raise" }), `${origin.url}/absent.mp4`]) {
      const outcome = await run(url);
      expect(outcome).toMatchObject({ type: "failed", ytdlp: report() });
    }
    expect(await run(film({ newer: "raise", pinned: "private" }), CANARY)).toMatchObject({
      ...{ type: "failed", code: "private" },
      ytdlp: report(["candidate", "unsupported_url"], ["pinned", "served"]),
    });
  });

  it("answers probes and lists with the other version, too", async () => {
    const ask = async (body: object) =>
      bench.processor.app.request("/probe", {
        method: "POST",
        headers: {
          authorization: `Bearer ${bench.config.processorToken}`,
          "content-type": "application/json",
        },
        body: JSON.stringify({ v: 1, cookies: NO_COOKIES, ...body }),
      });
    const url = film({ pinned: "raise" });
    const probed = await ask({ kind: "metadata", url });
    expect(await probed.json()).toMatchObject({ outcome: { type: "found" } });
    // what one version found, the other one does not use
    const before = origin.hits.get("/film.mp4") ?? 0;
    expect(await run(url)).toMatchObject({ tools: { ytdlp: NEWER } });
    expect(origin.hits.get("/film.mp4")).toBeGreaterThan(before);
    const listed = await ask({
      kind: "list",
      url: film({ pinned: "raise" }),
      timeout_ms: 60_000,
      max_entries: 5,
    });
    const lines = (await listed.text()).trim().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as ListLine).type)).toEqual(["list", "entry", "end"]);
  });
});

it.each([
  ["cannot be started", { name: "broken", version: "2026.12.3", isBroken: true }, /has no module yt_dlp/],
  ["is the pinned one", { name: "same", version: PINNED }, /there is nothing to try/],
])("a second version that %s is not used, and the operator sees why", async (_, options, complaint) => {
  const offered: string[] = [];
  const config = {
    ...bench.config,
    ytdlpCandidatePath: copyYtdlp(installed, join(folder, options.name), options),
  };
  const candidates = new Candidates({
    ...{ config, log: () => {}, pinned: { ...installed, version: PINNED } },
    versions: { candidate: null, offer: async ({ version }) => void offered.push(version) },
  });
  await candidates.settled;
  expect(offered).toEqual([]);
  expect(candidates.failure).toMatch(complaint);
});
