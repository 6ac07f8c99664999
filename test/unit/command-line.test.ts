import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { COMMON_OPTIONS, checkOperands, parseOptions } from "../../bin/waterspout/arguments/options.ts";
import { parseUrls } from "../../bin/waterspout/arguments/read-urls.ts";
import { COMMANDS } from "../../bin/waterspout/commands.ts";
import { EXIT_MEANINGS } from "../../bin/waterspout/failures/exit-codes.ts";
import { findCommand } from "../../bin/waterspout/find-command.ts";
import { optionText, shownOptions } from "../../bin/waterspout/help.ts";
import { createProgressLine } from "../../bin/waterspout/terminal/progress-line.ts";
import { jobOptions } from "../../schema/api/job-request.ts";

import { SECRETS, scriptCommandLine } from "../support/scripted-command-line.ts";

/** The command line against a scripted API. */

const [LOCAL_KEY, LOCAL_TOKEN, STORAGE_SECRET] = SECRETS;
const JOB = "01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c17";

const api = scriptCommandLine();
const { waterspout, file } = api;

describe("waterspout doctor", () => {
  const scripts = {
    ...{ name: "challenge_scripts", status: "warning", detail: "yt-dlp-ejs is not installed" },
    advice: "npm run setup",
  };
  const readiness = (status: string, storage: object, checks: readonly object[]) => ({
    status,
    parts: {
      ...{ database: { ok: true, size_bytes: 1 }, queue: { ok: true }, storage },
      processor: { ok: true, checks },
    },
  });

  it("shows each check with what to do, and needs no key", async () => {
    api.reply = { status: 200, body: readiness("degraded", { ok: true }, [scripts]) };
    const { code, stdout } = await waterspout(["doctor", "--url", api.url], {
      WATERSPOUT_STATE: "/nonexistent",
    });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ok {7}database {11}it works$/m);
    expect(stdout).toMatch(
      /^WARNING {2}challenge_scripts {2}yt-dlp-ejs is not installed\n {28}npm run setup$/m,
    );
    expect(stdout).toContain(
      "It works, but jobs that need what is marked WARNING fail or are delivered with less.",
    );
  });

  it("reads the body of a 503, and exits as for a service that is unavailable", async () => {
    const storage = { ok: false, detail: "the managed bucket takes no files: NoSuchBucket" };
    api.reply = { status: 503, body: readiness("unavailable", storage, []) };
    const { code, stdout } = await waterspout(["doctor", "--json"]);
    expect(code).toBe(4);
    expect(JSON.parse(stdout)).toMatchObject({
      status: "unavailable",
      checks: expect.arrayContaining([{ name: "storage", status: "failed", detail: storage.detail }]),
    });
    expect(api.received).toHaveLength(1);
  });

  it("says when another program answers", async () => {
    api.reply = { status: 404, body: { error: "not found" } };
    const { code, stderr } = await waterspout(["doctor"]);
    expect(code).toBe(4);
    expect(stderr).toContain("/readyz answered 404 with something else: is it a Waterspout of this version?");
  });
});

describe("waterspout get", () => {
  it("has an option for every member of a job request", () => {
    const flags = Object.keys(jobOptions).map((member) => member.replaceAll("_", "-"));
    expect(flags.filter((flag) => !COMMANDS.get?.options?.[flag]?.help)).toEqual([]);
  });

  it("sends the options in the schema's form, with the local stack's key", async () => {
    api.reply = { status: 201, body: { job_id: JOB } };
    const storage = { provider: "s3", secret_key: STORAGE_SECRET };
    const words = [
      ...["get", "https://a.example/b.mp4", "--no-wait", "--format", "mkv", "--max-resolution", "720p"],
      ...["--video-quality", "18", "--audio-only", "--subtitle-languages", "en,pt-BR", "--clip-start", "90"],
      ...["--storage", file("storage.json", JSON.stringify(storage))],
    ];
    expect(await waterspout(words)).toEqual({ code: 0, stdout: `${JOB}\n`, stderr: "" });
    const body = {
      ...{ url: "https://a.example/b.mp4", format: "mkv", max_resolution: "720p", video_quality: 18 },
      ...{ audio_only: true, subtitle_languages: ["en", "pt-BR"], clip_start: "90", storage },
    };
    expect(api.received).toMatchObject([{ method: "POST", path: "/jobs", body, key: LOCAL_KEY }]);
  });

  it("leaves validation to the API, and prints its message", async () => {
    const issues = [
      { path: "video_quality", message: "must be a whole number" },
      { path: "clip_end", message: "must be greater than clip_start" },
    ];
    const refusal = { error: "video_quality must be a whole number", code: "invalid_request", issues };
    api.reply = { status: 400, body: { ...refusal, request_id: "r" } };
    const { code, stderr } = await waterspout(["get", "https://a.example", "--video-quality", "good"]);
    expect([code, stderr]).toEqual([
      3,
      "waterspout: video_quality must be a whole number\n  clip_end: must be greater than clip_start\n",
    ]);
    expect(api.received[0]?.body).toMatchObject({ video_quality: "good" });
    const json = await waterspout(["get", "https://a.example", "--json"]);
    expect(JSON.parse(json.stderr)).toEqual({
      ...{ error: refusal.error, code: "invalid_request", status: 400, issues, request_id: "r" },
    });
  });

  it("reports corrections next to the result", async () => {
    const adjustments = [{ field: "video_codec", from: "h264", to: "vp9", reason: "webm holds VP9" }];
    api.reply = { status: 201, body: { job_id: JOB, adjustments } };
    const words = ["get", "https://a.example", "--no-wait", "--format", "webm", "--video-codec", "h264"];
    expect(await waterspout(words)).toEqual({
      ...{ code: 0, stdout: `${JOB}\n` },
      stderr: "adjusted: video_codec: h264 becomes vp9 (webm holds VP9)\n",
    });
    const json = await waterspout([...words, "--json"]);
    expect(JSON.parse(json.stdout)).toEqual(api.reply.body);
    expect(json.stderr).toBe("");
  });

  it("quotes nothing from a storage file that is not JSON", async () => {
    const storage = file("storage.json", `secret_key: ${STORAGE_SECRET}`);
    const { code, stderr } = await waterspout(["get", "https://a.example", "--storage", storage]);
    expect([code, stderr]).toEqual([5, `waterspout: ${storage} is not valid JSON\n`]);
  });
});

describe("waterspout batch", () => {
  it("reads URLs and names from a file", () => {
    const lines = "# mine\nhttps://a.example/1.mp4\n\n  https://a.example/2.mp4   Second talk \r\n";
    expect(parseUrls(lines)).toEqual([
      { url: "https://a.example/1.mp4" },
      { url: "https://a.example/2.mp4", filename: "Second talk" },
    ]);
  });

  it("lists one URL, and sends several together", async () => {
    api.reply = { status: 201, body: { batch_id: JOB } };
    expect((await waterspout(["batch", "https://a.example/feed", "--paused"])).stdout).toBe(`${JOB}\n`);
    await waterspout(["batch", "https://a.example/1", "https://a.example/2", "--folder", "talks"]);
    expect(api.received).toMatchObject([
      { path: "/jobs", body: { url: "https://a.example/feed", batch: true, paused: true } },
      {
        path: "/jobs/bulk",
        body: { folder: "talks", jobs: [{ url: "https://a.example/1" }, { url: "https://a.example/2" }] },
      },
    ]);
  });

  it("starts, renames and cancels", async () => {
    api.reply = { status: 200, body: { updated: 1, errors: ["x is not there"], started_jobs: 2 } };
    expect((await waterspout(["batch", "start", JOB])).stdout).toBe("2 jobs started\n");
    const renamed = await waterspout(["batch", "rename", JOB, `${JOB}=A = B`, "x=y"]);
    expect(renamed).toMatchObject({ code: 3, stdout: "1 renamed\nx is not there\n" });
    await waterspout(["batch", "cancel", JOB]);
    const renames = [
      { job_id: JOB, filename: "A = B" },
      { job_id: "x", filename: "y" },
    ];
    expect(api.received.map(({ method, path, body }) => [method, path, body])).toEqual([
      ["POST", `/batch/${JOB}/start`, undefined],
      ["PATCH", `/batch/${JOB}/jobs`, { renames }],
      ["DELETE", `/batch/${JOB}`, undefined],
    ]);
  });
});

describe("listings", () => {
  const job = (title: string) => ({
    id: JOB,
    status: "Failed",
    progress: 12.5,
    created_at: 0,
    title,
    url: "u",
  });

  it("are tables for people, without terminal control characters", async () => {
    api.reply = { status: 200, body: { jobs: [job("a \u001b[2J\u0007title")], next_cursor: null } };
    const { stdout } = await waterspout(["list", "--status", "FAILED", "--limit", "7"]);
    expect(api.received[0]?.path).toBe("/jobs?limit=7&status=Failed");
    expect(stdout.split("\n")[1]).toBe(`${JOB}  Failed  13 %      1970-01-01 00:00:00  a [2Jtitle`);
  });

  it("are one document per line for programs, as many as requested", async () => {
    api.reply = { status: 200, body: { jobs: [job("a"), job("b"), job("c")], next_cursor: JOB } };
    const { stdout } = await waterspout(["list", "--json", "--limit", "5"]);
    expect(
      stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).title),
    ).toEqual([...["a", "b", "c", "a", "b"]]);
  });
});

describe("the operator's commands", () => {
  const accounts = [
    { id: JOB, name: "newsroom", source: "direct", limits: {}, disabled: false, created_at: 0 },
    { id: "other", name: "other", source: "direct", limits: {}, disabled: false, created_at: 0 },
  ];

  it("find an account by its name, and use the operator's token", async () => {
    api.reply = { status: 200, body: { accounts, ...accounts[0], message: "Revoked" } };
    const words = ["admin", "accounts", "limits", "newsroom", "--max-resolution", "1080"];
    expect((await waterspout([...words, "--storage-bytes", "none"])).code).toBe(0);
    expect((await waterspout(["keys", "revoke", "key-1", "--account", "newsroom"])).stdout).toBe("Revoked\n");
    expect(api.received.filter(({ method }) => method !== "GET")).toMatchObject([
      {
        ...{ method: "PATCH", path: `/admin/accounts/${JOB}`, authorization: `Bearer ${LOCAL_TOKEN}` },
        body: { limits: { max_resolution: 1080, storage_bytes: null } },
      },
      { method: "DELETE", path: `/admin/accounts/${JOB}/keys/key-1` },
    ]);
  });

  it("refuse an ambiguous account", async () => {
    api.reply = { status: 200, body: { accounts } };
    const several = await waterspout(["admin", "keys", "list"]);
    expect(several.stderr).toBe(
      `waterspout: Several accounts are possible; name one: newsroom (${JOB}), other (other)\n`,
    );
    expect((await waterspout(["keys", "--account", "nobody"])).code).toBe(2);
  });

  it("create keys with scopes and an expiry, and roll them", async () => {
    api.reply = { status: 201, body: { accounts: accounts.slice(0, 1), id: "key-1", api_key: "shown once" } };
    const made = await waterspout(["keys", "create", "reader", "--scopes", "read", "--expires-in-days", "2"]);
    expect(made).toMatchObject({ code: 0, stdout: "shown once\n" });
    await waterspout(["admin", "keys", "roll", "key-1", "--overlap-seconds", "60"]);
    const bodies = api.received.flatMap(({ body }) => body ?? []);
    expect(bodies).toEqual([
      { name: "reader", scopes: ["read"], expires_at: expect.any(Number) },
      { overlap_seconds: 60 },
    ]);
  });
});

describe("waiting", () => {
  const counters = { total_episodes: 4, completed_episodes: 2, failed_episodes: 1, skipped_episodes: 1 };

  it("says how a batch ended, even where events do not get through", async () => {
    api.reply = {
      status: 200,
      body: { id: JOB, status: "finished", ...counters, created_at: 0, finished_at: null },
    };
    const { code, stdout, stderr } = await waterspout(["batch", "wait", JOB]);
    expect(api.received.map(({ path }) => path)).toEqual([
      `/batch/${JOB}/events`,
      `/batch/${JOB}`,
      `/batch/${JOB}`,
    ]);
    expect([code, stderr]).toEqual([1, `  Batch       ${"█".repeat(30)} 100 %  4 of 4, 2 not delivered\n`]);
    expect(stdout).toContain("  skipped   1\n");
    api.reply = { status: 200, body: { id: JOB, status: "completed" } };
    expect(await waterspout(["batch", "start", JOB, "--wait", "--json"])).toEqual({
      ...{ code: 0, stderr: "", stdout: `${JSON.stringify(api.reply.body)}\n` },
    });
  });

  it("says where the file is when there is no link to it", async () => {
    const job = { id: JOB, status: "Completed", step: "Finished", progress: 100, download_speed_mbps: null };
    api.reply = { status: 200, body: { ...job, s3_url: null, s3_key: "videos/a.mp4" } };
    const { code, stderr } = await waterspout(["wait", JOB, "--output", api.folder]);
    expect([code, stderr]).toEqual([
      5,
      `  Finished    ${"█".repeat(30)} 100 %\nwaterspout: There is no link to the file; it is in the storage as videos/a.mp4\n`,
    ]);
  });

  it("keeps no file whose bytes are not the job's", async () => {
    const job = { id: JOB, status: "Completed", step: "Finished", progress: 100, download_speed_mbps: null };
    api.reply = {
      status: 200,
      body: { ...job, s3_url: `${api.url}/file`, s3_key: "videos/a.mp4", sha256: "00" },
    };
    const { code, stderr } = await waterspout(["wait", JOB, "--output", api.folder]);
    expect(code).toBe(5);
    expect(stderr).toContain(
      `could not be downloaded to ${join(api.folder, "a.mp4")}: The file's SHA-256 is`,
    );
    expect(readdirSync(api.folder)).toEqual(["local.json"]);
  });
});

describe("the connection", () => {
  it("prefers options to variables, and variables to the local stack", async () => {
    const env = { WATERSPOUT_API_KEY: "of the environment" };
    await waterspout(["usage"], env);
    await waterspout(["usage", "--key-file", file("key", "sk_live_of_the_file\n")], env);
    expect(api.received.map(({ key }) => key)).toEqual(["of the environment", "sk_live_of_the_file"]);
  });

  it("sends the local stack's key only to the local stack", async () => {
    const elsewhere = api.url.replace("127.0.0.1", "localhost");
    const { code, stderr } = await waterspout(["usage", "--url", elsewhere]);
    expect([code, stderr]).toEqual([
      2,
      `waterspout: Set WATERSPOUT_API_KEY to a key of ${elsewhere}, or name a file that holds it: --key-file FILE\n`,
    ]);
    expect((await waterspout(["keys"], { WATERSPOUT_URL: elsewhere })).code).toBe(2);
    expect(api.received).toEqual([]);
  });

  it("says so when there is none, or when it does not answer", async () => {
    const nothing = await waterspout(["usage", "--state", join(api.folder, "nothing")]);
    expect([nothing.code, nothing.stderr]).toEqual([
      ...[4, expect.stringMatching(/^waterspout: No Waterspout is running here\. Start one with npm start/)],
    ]);
    api.reply = { status: 503, body: { error: "Not now", code: "overloaded", request_id: "r-9" } };
    const busy = await waterspout(["cancel", JOB]);
    expect([busy.code, busy.stderr]).toEqual([4, "waterspout: Not now\n  request r-9\n"]);
    expect((await waterspout(["usage", "--url", "elsewhere"])).code).toBe(2);
  });
});

describe("the command line", () => {
  it.each([
    [["nonsense"], 'There is no command "nonsense"; see waterspout --help'],
    [["lsit"], 'There is no command "lsit"; did you mean "list"?'],
    [
      ["admin", "acounts", "create"],
      'There is no command "admin acounts create"; did you mean "admin accounts create"?',
    ],
    [["admin", "nonsense"], 'There is no command "admin nonsense"; see waterspout admin --help'],
    [["storage", "shwo"], 'There is no command "storage shwo"; did you mean "storage show"?'],
    [["batch", "strat", JOB], 'There is no command "batch strat"; did you mean "batch start"?'],
    [["--limit", "5", "list"], "--limit must follow the command; see waterspout --help"],
    [["get"], "<url> is missing; see --help"],
    [
      ["get", "--url", "https://a.example/1.mp4"],
      "<url> is missing: write it without --url, which is the address of the API (as --server is)",
    ],
    [["show", "a", "b"], '"b" is one argument too many; see --help'],
    [["list", "--frobnicate"], "There is no option --frobnicate; see --help"],
    [["get", "https://a.example", "--fromat", "mkv"], "There is no option --fromat; did you mean --format?"],
    [["list", "-x"], "There is no option -x; see --help"],
    [["list", "--limit"], "--limit needs a value: --limit N"],
    [
      ["list", "--limit", "--quiet"],
      "--limit needs a value: --limit N (for a value that begins with a dash, write --limit=--quiet)",
    ],
    [["list", "--quiet=yes"], "--quiet takes no value"],
    [["list", "--limit", "0"], '--limit must be a whole number from 1, not "0"'],
    [["webhooks", "--status", "lost"], '--status must be one of pending, delivered, failed, not "lost"'],
    [
      ["keys", "create", "--scopes", "read,admin"],
      '--scopes must be one of read, write, storage, not "admin"',
    ],
    [["probe", "https://a.example", "--format", "mkv"], "Job options require --plan"],
    [["batch"], "Name a URL, or a --file of URLs"],
  ])("is refused with a message: %s", async (words, sentence) => {
    const { code, stdout, stderr } = await waterspout(words);
    expect([code, stdout, stderr.trim().replace(/^waterspout: /, "")]).toEqual([2, "", sentence]);
    expect(api.received).toEqual([]);
  });

  it("prints its help without an API", async () => {
    const { code, stdout } = await waterspout(["--help"], { WATERSPOUT_STATE: "/nowhere" });
    expect(code).toBe(0);
    const all = [...Object.keys(COMMANDS), ...Object.values(EXIT_MEANINGS), "WATERSPOUT_ADMIN_TOKEN"];
    expect(all.filter((text) => !stdout.includes(text))).toEqual([]);
    expect(await waterspout([])).toMatchObject({ code: 2, stdout });
    const help = await waterspout(["help", "batch", "start"]);
    expect(help.stdout).toMatch(/^Start a paused batch\.\n\nUsage: waterspout batch start <batch id>/);
  });

  it.each(Object.entries(COMMANDS))("shows examples for %s that it accepts", async (name, command) => {
    const { code, stdout } = await waterspout([...name.split(" "), "--help"]);
    expect(code).toBe(0);
    const options = shownOptions({ ...command.options, ...COMMON_OPTIONS });
    const texts = options.map(([option, row]) => `  ${optionText(option, row)}`);
    expect(texts.filter((text) => !stdout.includes(text))).toEqual([]);
    expect(command.examples.length).toBeGreaterThan(0);
    for (const example of command.examples) {
      expect(stdout).toContain(`  waterspout ${example}\n`);
      const words = example.replace(/ [|<>].*/, "").match(/[^\s"]*"[^"]*"|\S+/g) ?? [];
      const called = findCommand(words);
      expect(called?.name).toBe(name);
      checkOperands(command, parseOptions(command, called?.rest ?? []));
    }
  });
});

describe("progress", () => {
  const shown = (isTTY: boolean, percents: readonly number[]) => {
    let text = "";
    const line = createProgressLine({ isTTY, write: (part) => (text += part) });
    for (const percent of percents) line.show({ label: "Uploading", percent, note: "1.5 MB/s" });
    line.end();
    return text;
  };

  it("is one line that is redrawn on a terminal", () => {
    const full = `\r\x1b[K  Uploading   ${"█".repeat(30)} 100 %  1.5 MB/s`;
    expect(shown(true, [50, 100])).toBe(
      `\r\x1b[K  Uploading   ${"█".repeat(15)}${"░".repeat(15)}  50 %  1.5 MB/s${full}\n`,
    );
    expect(shown(true, [])).toBe("");
  });

  it("is plain lines elsewhere, one for every ten percent", () => {
    const lines = shown(false, [0, 4, 9.9, 10, 55, 56, 100]).trimEnd().split("\n");
    expect(lines.map((line) => /(\d+) %/.exec(line)?.[1])).toEqual(["0", "10", "55", "100"]);
    expect(lines.join("")).not.toContain("\x1b");
  });
});
