import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkReadiness, explainNoWrite, type ReadinessParts } from "../../processor/readiness.ts";
import { Callback } from "../../processor/run/callback.ts";
import { checkClock } from "../../worker/services/runs/clock-check.ts";
import { freePort, listen } from "../support/ports.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "readiness-"));
});
afterAll(() => rm(folder, { recursive: true }));

const ALL_ENCODERS = ["libx264", "libx265", "libvpx-vp9", "aac", "libopus", "libmp3lame"];
const NOTHING = { ytdlpCookies: undefined, ytdlpCookiesFile: undefined, ytdlpPotProviderUrl: undefined };
const PROGRAM = { path: process.execPath, version: "24.21.0" };
const YTDLP = {
  ...{ path: process.execPath, version: "2026.10.26" },
  ...{ challengeScripts: true, impersonation: true, potPlugin: true },
};

interface Changes {
  readonly config?: Partial<ReadinessParts["config"]>;
  readonly ytdlp?: Partial<ReadinessParts["tools"]["ytdlp"]>;
  readonly encoders?: readonly string[];
  readonly failure?: string;
  readonly workerFailure?: string;
  readonly candidateFailure?: string;
  readonly node?: string;
  readonly ffprobe?: string;
}

const check = ({
  config,
  ytdlp,
  encoders = ALL_ENCODERS,
  failure,
  workerFailure,
  candidateFailure,
  node,
  ffprobe,
}: Changes = {}) =>
  checkReadiness({
    config: { ...NOTHING, workDir: folder, ...config },
    tools: {
      ytdlp: { ...YTDLP, ...ytdlp },
      node: { ...PROGRAM, path: node ?? PROGRAM.path },
      ffmpeg: PROGRAM,
      ffprobe: { ...PROGRAM, path: ffprobe ?? PROGRAM.path },
      encoders: new Set(encoders),
    },
    extractorFailure: () => failure ?? null,
    workerFailure: () => workerFailure ?? null,
    candidateFailure: () => candidateFailure ?? null,
    candidate: () => null,
    now: () => Date.UTC(2026, 10, 29),
  });

/** The checks that are not in order. */
const complaints = async (changes: Changes) => (await check(changes)).filter(({ status }) => status !== "ok");

describe("a processor", () => {
  it("finds nothing wrong when everything is there", async () => {
    const checks = await check();
    expect(checks.map(({ name }) => name)).toEqual([
      ...["worker", "ytdlp", "media_tools", "javascript", "challenge_scripts", "impersonation", "po_token"],
      ...["ytdlp_age", "ytdlp_candidate", "encoders", "cookies", "work_folder"],
    ]);
    expect(checks.filter(({ status }) => status !== "ok")).toEqual([]);
  });

  it.each<[string, Changes, string, "warning" | "failed", RegExp]>([
    ["yt-dlp's process", { failure: "no memory" }, "ytdlp", "failed", /could not be started: no memory/],
    ["yt-dlp's program", { ytdlp: { path: "/absent/yt-dlp" } }, "ytdlp", "failed", /cannot be run any more/],
    ["ffprobe", { ffprobe: "/absent/ffprobe" }, "media_tools", "failed", /^ffprobe \(\/absent\/ffprobe\)/],
    ["a JavaScript runtime", { node: "/absent/node" }, "javascript", "failed", /cannot be run any more/],
    ["a Worker", { workerFailure: "the Worker is gone" }, "worker", "failed", /cannot be reported/],
    ["challenge scripts", { ytdlp: { challengeScripts: false } }, "challenge_scripts", "warning", /YouTube/],
    ["impersonation", { ytdlp: { impersonation: false } }, "impersonation", "warning", /curl_cffi is not/],
    ["a fresh yt-dlp", { ytdlp: { version: "2026.07.04" } }, "ytdlp_age", "warning", /148 days old/],
    ["H.264", { encoders: ALL_ENCODERS.slice(1) }, "encoders", "failed", /cannot make H\.264 \(libx264\)/],
    ["MP3", { encoders: ALL_ENCODERS.slice(0, -1) }, "encoders", "warning", /cannot make MP3/],
    ["a work folder", { config: { workDir: "/nonexistent" } }, "work_folder", "failed", /ENOENT/],
    [
      "its cookies",
      { config: { ytdlpCookiesFile: "/absent" } },
      "cookies",
      "failed",
      /cannot be read \(ENOENT\)/,
    ],
    [
      "the plugin for PO tokens",
      { config: { ytdlpPotProviderUrl: "http://127.0.0.1:4416" }, ytdlp: { potPlugin: false } },
      ...(["po_token", "warning", /has no plugin/] as const),
    ],
  ])("without %s says so, and what to do", async (_, changes, name, status, detail) => {
    expect(await complaints(changes)).toEqual([
      { name, status, detail: expect.stringMatching(detail), advice: expect.stringMatching(/\w/) },
    ]);
  });

  it("distinguishes a full disk from one that it may not write", () => {
    const full = explainNoWrite("/work", Object.assign(new Error(), { code: "ENOSPC" }));
    expect(full).toEqual({
      detail: "WORK_DIR /work is full (ENOSPC)",
      advice: expect.stringContaining("Make room"),
    });
    const foreign = explainNoWrite("/work", Object.assign(new Error(), { code: "EACCES" }));
    expect(foreign.detail).toBe("WORK_DIR /work cannot be written (EACCES)");
  });

  it("judges builds between releases by their date", async () => {
    expect(await complaints({ ytdlp: { version: "2026.11.20.232911" } })).toEqual([]);
    expect(await complaints({ ytdlp: { version: "unknown" } })).toEqual([]);
  });

  it("connects to the PO-token provider", async () => {
    const server = createServer((socket) => socket.end());
    const config = { ytdlpPotProviderUrl: `http://127.0.0.1:${await listen(server)}` };
    expect(await complaints({ config })).toEqual([]);
    server.close();
    const dead = { ytdlpPotProviderUrl: `http://127.0.0.1:${await freePort()}` };
    expect(await complaints({ config: dead })).toMatchObject([{ name: "po_token", status: "warning" }]);
  });

  it("checks its cookies each time, since operators renew the file", async () => {
    const ytdlpCookiesFile = join(folder, "cookies.txt");
    const config = { ytdlpCookiesFile };
    expect(await complaints({ config })).toMatchObject([{ name: "cookies", status: "failed" }]);
    await writeFile(ytdlpCookiesFile, ".example.com\tTRUE\t/\tTRUE\t0\tname\tvalue\n");
    await chmod(ytdlpCookiesFile, 0o600);
    expect(await complaints({ config })).toEqual([]);
  });
});

describe("what a processor knows of its Worker", () => {
  const MINUTE = 60_000;

  it.each<[string, () => Response, RegExp]>([
    [
      "does not answer",
      () => {
        throw new TypeError("fetch failed");
      },
      /at WORKER_URL does not answer$/,
    ],
    ["does not know its token", () => new Response(null, { status: 401 }), /refuses PROCESSOR_TOKEN$/],
    ["fails", () => new Response(null, { status: 500 }), /answers 500$/],
  ])("when that %s: nothing at first, then why, until it is over", async (_, refusal, words) => {
    let now = 0;
    let isOver = false;
    const failures: (string | null)[] = [];
    const callback: Callback = new Callback({
      ...{ workerUrl: "http://worker.example", instance: "a", boot: "b", processorToken: "t" },
      fetch: async () => (isOver ? new Response(null, { status: 200 }) : refusal()),
      clock: {
        now: () => now,
        random: () => 0,
        sleep: async () => {
          failures.push(callback.failure);
          isOver = failures.length === 2;
          now += MINUTE;
        },
      },
    });
    await callback.started({ replaces: null, free_slots: 1 }, new AbortController().signal);
    expect(failures).toEqual([null, expect.stringMatching(words)]);
    expect(callback.failure).toBeNull();
  });
});

describe("two clocks", () => {
  it.each([
    [1_000, 0, 2_000, "ok"],
    [-59_000, 0, 20, "ok"],
    [-61_000, 0, 20, "warning"],
    [61_020, 0, 20, "warning"],
    [-301_000, 0, 20, "failed"],
    [301_020, 0, 20, "failed"],
  ])("that read %d between %d and %d: %s", (time, asked, answered, status) => {
    expect(checkClock(time, asked, answered)).toMatchObject({ name: "clock", status });
  });
});
