import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../bin/waterspout/commands.ts";
import { shownOptions } from "../../bin/waterspout/help.ts";
import { inRepository } from "../support/repository.ts";
import { scriptCommandLine } from "../support/scripted-command-line.ts";

/** The command as a process, and the completion scripts for shells. */

const api = scriptCommandLine();
const SCRIPT = inRepository("bin/waterspout.ts");

const start = (words: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  spawn(process.execPath, [SCRIPT, ...words], {
    env: { PATH: process.env.PATH, WATERSPOUT_STATE: api.folder, ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });

async function output(command: ReturnType<typeof start>) {
  const texts = { stdout: "", stderr: "" };
  command.stdout.on("data", (data) => (texts.stdout += data));
  command.stderr.on("data", (data) => (texts.stderr += data));
  const [code] = await once(command, "close");
  return { code, ...texts };
}

describe("the process", () => {
  it("prints its version", async () => {
    const { version } = JSON.parse(
      execFileSync("cat", [inRepository("bin/package.json")], { encoding: "utf8" }),
    );
    for (const word of ["--version", "-V", "version"]) {
      expect(await output(start([word]))).toEqual({ code: 0, stdout: `waterspout ${version}\n`, stderr: "" });
    }
  });

  it("reads the standard input", async () => {
    api.reply = { status: 201, body: { job_id: "1" } };
    const command = start(["get", "-", "--no-wait"]);
    command.stdin.end("https://a.example/1.mp4\n");
    expect(await output(command)).toEqual({ code: 0, stdout: "1\n", stderr: "" });
  });

  it("ends quietly when its output is no longer read", async () => {
    const jobs = Array.from({ length: 2_000 }, (_, i) => ({ id: `${i}`, title: "x".repeat(200) }));
    api.reply = { status: 200, body: { jobs, next_cursor: null } };
    const command = start(["list", "--limit", "2000", "--json"]);
    let errors = "";
    command.stderr.on("data", (data) => (errors += data));
    await once(command.stdout, "data");
    command.stdout.destroy();
    expect([...(await once(command, "close")), errors]).toEqual([0, null, ""]);
  });

  it("exits with 130 after Ctrl-C, and says how to continue", async () => {
    const job = { status: "Pending", step: "Queued", progress: 0, download_speed_mbps: null };
    api.replyTo = ({ method, path }) => {
      if (method === "POST") return { status: 201, body: { job_id: "1" } };
      return path.endsWith("/events") ? { status: 405, body: {} } : { status: 200, body: job };
    };
    const command = start(["get", "https://a.example/1.mp4"]);
    const ended = output(command);
    await once(command.stderr, "data");
    command.kill("SIGINT");
    const { code, stderr } = await ended;
    expect(code).toBe(130);
    expect(stderr).toMatch(/It continues on the server; to follow it again: waterspout wait 1\n$/);
  });

  it("shows no stack trace for an unexpected error, unless asked", async () => {
    // no Waterspout responds like that
    api.reply = { status: 200, body: { id: "1", adjustments: null } };
    const { code, stderr } = await output(start(["show", "1"]));
    expect(code).toBe(70);
    expect(stderr).toMatch(
      /^waterspout: this is a defect of the command, please report it: .+ \(WATERSPOUT_DEBUG=1 shows where\)\n$/,
    );
    const debugged = await output(start(["show", "1"], { WATERSPOUT_DEBUG: "1" }));
    expect(debugged.stderr).toContain("job-text.ts");
  });
});

/** What an installed shell prints; null for one that is not installed. */
function runShell(shell: string, args: readonly string[], input = ""): string | null {
  const { error, stdout, stderr, status } = spawnSync(shell, args, { input, encoding: "utf8" });
  if (error) return null;
  expect([stderr, status]).toEqual(["", 0]);
  return stdout.trim();
}

describe("completion", () => {
  const script = async (shell: string): Promise<string> => {
    const { code, stdout } = await api.waterspout(["completion", shell], { WATERSPOUT_STATE: "/nowhere" });
    expect(code).toBe(0);
    return stdout;
  };

  it.each([
    ["bash", (name: string) => `--${name}`],
    ["zsh", (name: string) => `--${name}`],
    ["fish", (name: string) => `-l ${name} `],
  ])("for %s has every command and every option", async (shell, spelling) => {
    const text = await script(shell);
    expect(Object.keys(COMMANDS).filter((name) => !text.includes(`${name}`))).toEqual([]);
    const options = Object.values(COMMANDS).flatMap(({ options = {} }) => shownOptions(options));
    expect(options.filter(([name]) => !text.includes(spelling(name)))).toEqual([]);
  });

  it.each([
    [["st"], "storage"],
    [["storage", ""], "set test forget"],
    [["admin", "accounts", "cr"], "create"],
    [["get", "--fo"], "--format --folder"],
    [["get", "--format", "mk"], "mkv"],
    [["get", "--format", "=", "mk"], "mkv"],
    [["list", "--status", "c"], "completed"],
    [["webhooks", "--status", "d"], "delivered"],
    [["get", "https", ":", "//a.example", "-"], expect.stringContaining("--output -o --no-wait")],
    [["--json", "li"], "list"],
    [["storage", "set", "FOLDER/loc"], "FOLDER/local.json"],
    [["get", "-o", "FOLDER/loc"], "FOLDER/local.json"],
  ])("in bash, completes %s to %s", async (words, expected) => {
    const own = words.map((word) => word.replace("FOLDER", api.folder));
    const quoted = own.map((word) => `'${word}'`).join(" ");
    const found = runShell(
      "bash",
      ["--norc"],
      `${await script("bash")}
COMP_WORDS=(waterspout ${quoted}); COMP_CWORD=${own.length}
_waterspout 2>&1; echo "\${COMPREPLY[*]}"`,
    );
    expect(found).toEqual(typeof expected === "string" ? expected.replace("FOLDER", api.folder) : expected);
  });

  it("is accepted by zsh and fish, where they are installed", async () => {
    const zsh = api.file("_waterspout", await script("zsh"));
    expect([null, ""]).toContain(runShell("zsh", ["-n", zsh]));
    const fish = api.file("waterspout.fish", await script("fish"));
    const complete = (line: string) =>
      runShell("fish", ["--no-config", "-c", `source ${fish}; complete -C "${line}"`]);
    expect([null, expect.stringMatching(/^storage\tShow the account's own storage/)]).toContainEqual(
      complete("waterspout st"),
    );
    expect([null, expect.stringMatching(/^mkv\t/)]).toContainEqual(complete("waterspout get --format mk"));
    expect([null, join(api.folder, "local.json")]).toContain(
      complete(`waterspout storage set ${api.folder}/loc`),
    );
  });

  it("supports three shells", async () => {
    expect(await api.waterspout(["completion", "tcsh"])).toMatchObject({
      code: 2,
      stderr: 'waterspout: The shell must be one of bash, zsh, fish, not "tcsh"\n',
    });
  });
});
