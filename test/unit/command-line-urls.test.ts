import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { retrySentence } from "../../bin/waterspout/waiting/follow-job.ts";
import { scriptCommandLine } from "../support/scripted-command-line.ts";

/** `waterspout get` with several URLs, and what it prints about sources with temporary failures. */

const api = scriptCommandLine();
const { waterspout, file } = api;

const ID = "01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c1";
const job = (digit: number, more: object = {}) => ({
  ...{ id: `${ID}${digit}`, url: `https://a.example/${digit}.mp4`, status: "Completed", step: "Finished" },
  ...{ progress: 100, download_speed_mbps: null, adjustments: [], error: null, s3_url: null },
  ...{ file_size: 4, s3_key: `videos/${digit}.mp4`, created_at: 0, sha256: null, ...NO_TIMES, ...more },
});
const NO_TIMES = Object.fromEntries(
  ["finished_at", "expires_at", "next_try_at", "queue_wait_ms", "extract_duration_ms"].map((name) => [
    name,
    null,
  ]),
);
const failed = { status: "Warning", error: "This media is private", error_code: "private" };

/** Creates a job for each URL `…/<digit>.mp4`, which ends as `ends` says. */
function deliver(ends: Readonly<Record<number, object>> = {}): void {
  api.replyTo = ({ method, path, body }) => {
    if (method === "POST" && path === "/jobs") {
      const digit = /(\d)\.mp4$/.exec((body as { url: string }).url)?.[1];
      if (digit === undefined) return { status: 400, body: refusal("invalid_request", "url is wrong") };
      return { status: 201, body: { job_id: ID + digit } };
    }
    const [, digit, events] = /^\/jobs\/\S*(\d)(\/events)?$/.exec(path) ?? [];
    // where streams do not get through, the command polls the job
    if (events !== undefined) return { status: 405, body: {} };
    if (digit !== undefined) return { status: 200, body: job(Number(digit), ends[Number(digit)]) };
    return path.startsWith("/file") ? { status: 200, body: "ab" } : undefined;
  };
}
const refusal = (code: string, error: string) => ({ error, code, request_id: "r" });
const posted = () => api.received.flatMap(({ method, body }) => (method === "POST" ? [body] : []));

describe("waterspout get with several URLs", () => {
  it("continues when one is refused and another one fails, and prints a summary", async () => {
    deliver({ 2: failed });
    const urls = ["https://a.example/1.mp4", "https://a.example/none", "https://a.example/2.mp4"];
    const { code, stdout, stderr } = await waterspout(["get", ...urls]);
    expect(stdout).toContain(`id         ${ID}1`);
    expect(stdout).toContain(`id         ${ID}2`);
    expect(stderr).toContain("waterspout: https://a.example/none: url is wrong\n");
    expect(stderr).toContain("The job ended Warning: This media is private\n");
    expect(stderr).toMatch(/Delivered 1 of 3 URLs\.\n$/);
    // a refusal and a failure: no specific exit code fits both
    expect(code).toBe(1);
  });

  it("exits with the code that all failures share", async () => {
    deliver();
    const refused = await waterspout(["get", "https://a.example/1.mp4", "https://a.example/none", "-q"]);
    expect([refused.code, refused.stderr]).toEqual([3, "waterspout: https://a.example/none: url is wrong\n"]);
    expect((await waterspout(["get", "https://a.example/1.mp4", "https://a.example/2.mp4"])).code).toBe(0);
  });

  it("reads URLs with file names from the standard input", async () => {
    deliver();
    const input = "# mine\nhttps://a.example/1.mp4 First talk\n\nhttps://a.example/2.mp4\n";
    const words = ["get", "-", "https://a.example/3.mp4", "--folder", "talks", "--no-wait"];
    const { code, stdout } = await waterspout(words, {}, { input });
    expect([code, stdout]).toEqual([0, `${ID}1\n${ID}2\n${ID}3\n`]);
    expect(posted()).toEqual([
      { url: "https://a.example/1.mp4", filename: "First talk", folder: "talks" },
      { url: "https://a.example/2.mp4", folder: "talks" },
      { url: "https://a.example/3.mp4", folder: "talks" },
    ]);
    const empty = await waterspout(["get", "-"], {}, { input: "# nothing\n" });
    expect([empty.code, empty.stderr]).toEqual([
      2,
      expect.stringMatching(/^waterspout: The standard input has no URL; it takes one URL per line/),
    ]);
  });

  it("prints one document per URL for programs", async () => {
    deliver({ 2: failed });
    const words = ["get", "https://a.example/1.mp4", "https://a.example/2.mp4", "https://a.example/none"];
    const { stdout, stderr } = await waterspout([...words, "--json"]);
    const statuses = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).status);
    expect(statuses.toSorted()).toEqual(["Completed", "Warning"]);
    expect(JSON.parse(stderr)).toMatchObject({ error: "url is wrong", subject: "https://a.example/none" });
    const created = await waterspout([...words.slice(0, 3), "--no-wait", "--json"]);
    expect(created.stdout.split("\n").map((line) => line && JSON.parse(line).url)).toEqual([
      ...["https://a.example/1.mp4", "https://a.example/2.mp4", ""],
    ]);
  });

  it("tries no further URL when the key is refused", async () => {
    api.reply = { status: 401, body: refusal("invalid_api_key", "Invalid API Key") };
    const urls = Array.from({ length: 20 }, (_, i) => `https://a.example/${i}.mp4`);
    const { code, stderr } = await waterspout(["get", ...urls]);
    expect(code).toBe(3);
    expect(stderr).toMatch(
      /^waterspout: Invalid API Key\n {2}The key is from the stack that runs here; the server is \S+\.\n1\d URLs not tried\.\nDelivered 0 of 20 URLs\.\n$/,
    );
    expect(api.received.length).toBeLessThan(10);
  });

  it("downloads each file into a folder, which it creates", async () => {
    deliver({ 1: { s3_url: `${api.url}/file/1` }, 2: { s3_url: `${api.url}/file/2` } });
    const folder = join(api.folder, "talks");
    const words = ["get", "https://a.example/1.mp4", "https://a.example/2.mp4", "-o", folder];
    const { code, stdout } = await waterspout(words);
    expect(code).toBe(0);
    expect(stdout).toContain(`saved as   ${join(folder, "1.mp4")}\n`);
    expect(readdirSync(folder).toSorted()).toEqual(["1.mp4", "2.mp4"]);
  });

  it.each([
    [
      ["-o", "FOLDER/local.json"],
      2,
      "There may be several files, and FOLDER/local.json is one: name a folder",
    ],
    [
      ["--filename", "talk"],
      2,
      "--filename is for one URL, and there are several; put each file's name behind",
    ],
    [["--idempotency-key", "k"], 2, "--idempotency-key is for one URL, and there are several"],
    [["-o", "FOLDER", "--no-wait"], 2, "--output waits for the file, so it does not go with --no-wait"],
  ])("creates nothing for %s", async (options, code, sentence) => {
    const own = options.map((word) => word.replace("FOLDER", api.folder));
    const found = await waterspout(["get", "https://a.example/1.mp4", "https://a.example/2.mp4", ...own]);
    expect([found.code, found.stderr]).toEqual([
      code,
      expect.stringContaining(`waterspout: ${sentence.replace("FOLDER", api.folder)}`),
    ]);
    expect(api.received).toEqual([]);
  });
});

describe("the destination", () => {
  it("is checked before the job is created", async () => {
    const nowhere = join(api.folder, "nowhere");
    const missing = await waterspout(["get", "https://a.example/1.mp4", "-o", join(nowhere, "a.mp4")]);
    expect([missing.code, missing.stderr]).toEqual([5, `waterspout: There is no folder ${nowhere}\n`]);
    const stdout = await waterspout(["get", "https://a.example/1.mp4", "-o", "-"]);
    expect([stdout.code, stdout.stderr]).toEqual([2, expect.stringContaining("read the link instead: curl")]);
    expect(api.received).toEqual([]);
    expect(existsSync(nowhere)).toBe(false);
  });

  it("is a folder for a list, whose files are downloaded one after the other", async () => {
    const batch = { id: `${ID}9`, status: "completed", total_episodes: 2, created_at: 0, finished_at: 0 };
    const jobs = [job(1, { s3_url: `${api.url}/file/1` }), job(2, { s3_key: "videos/two.mp4" })];
    api.replyTo = ({ path }) => {
      if (path === "/jobs") return { status: 201, body: { batch_id: batch.id } };
      if (path.startsWith("/jobs?")) return { status: 200, body: { jobs, next_cursor: null } };
      if (path.endsWith("/events")) return { status: 405, body: {} };
      return path.startsWith("/batch/") ? { status: 200, body: batch } : undefined;
    };
    const folder = join(api.folder, "talks");
    mkdirSync(folder);
    const { code, stderr } = await waterspout(["get", "https://a.example/feed", "-o", folder]);
    expect(stderr).toContain(`Saved as ${join(folder, "1.mp4")}\n`);
    expect(stderr).toContain("There is no link to the file; it is in the storage as videos/two.mp4");
    expect(code).toBe(5);
    const one = await waterspout(["get", "https://a.example/feed", "-o", join(folder, "all.mp4")]);
    expect([one.code, one.stderr]).toEqual([
      5,
      expect.stringContaining(`to download its files into a folder: waterspout batch wait ${batch.id}`),
    ]);
  });
});

describe("a source with a temporary failure", () => {
  const waiting = {
    ...{ status: "Pending", step: "Queued", progress: 0, error_code: "network" },
    ...{ error: "The connection to the source failed", next_try_at: Date.now() + 3_600_000 },
  };

  it("is reported once, with the time of the next attempt", async () => {
    let reads = 0;
    api.replyTo = ({ method, path }) => {
      if (method === "POST") return { status: 201, body: { job_id: `${ID}1` } };
      if (path.endsWith("/events")) return { status: 405, body: {} };
      // read once for the progress and once for the reason; then it has ended
      return { status: 200, body: job(1, ++reads <= 2 ? waiting : {}) };
    };
    const { code, stderr } = await waterspout(["get", "https://a.example/1.mp4"]);
    expect(code).toBe(0);
    expect(stderr.match(/It will be tried again/g)).toHaveLength(1);
    expect(stderr).toMatch(
      /\nThe connection to the source failed\. It will be tried again in (59|60) min, at [-\d: ]+ UTC\.\n/,
    );
  });

  it("is shown with the job", async () => {
    api.reply = { status: 200, body: job(1, { ...waiting, next_try_at: Date.UTC(2026, 10, 29, 10) }) };
    expect((await waterspout(["show", `${ID}1`])).stdout).toContain("  next try   2026-11-29 10:00:00\n");
  });

  it("includes the day unless it is today", () => {
    const noon = Date.UTC(2026, 10, 29, 12);
    expect(retrySentence("No", noon + 30_000, noon)).toBe(
      "No. It will be tried again in 30 s, at 12:00:30 UTC.",
    );
    expect(retrySentence("No", noon + 86_400_000, noon)).toBe(
      "No. It will be tried again in 24 h, at 2026-11-30 12:00:00 UTC.",
    );
  });
});

it("a list with a byte order mark is read", async () => {
  api.reply = { status: 201, body: { batch_id: `${ID}9` } };
  await waterspout(["batch", "--file", file("urls.txt", "\uFEFFhttps://a.example/1.mp4\r\n")]);
  expect(posted()).toEqual([{ jobs: [{ url: "https://a.example/1.mp4" }] }]);
});
