import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { isAtLeast } from "../../bin/setup/media-tools.mjs";
import { installChannel } from "../../bin/setup/ytdlp-channel.mjs";
import { endProcessesOf, markerOf, processesOf } from "../../bin/stack/marker.ts";
import { inRoot, root } from "../../bin/stack/paths.ts";
import { identify, isAlive } from "../../bin/stack/process-identity.ts";
import { PROCESSOR_ARGS } from "../../bin/stack/processor.ts";
import { countsOf } from "../../bin/test/vitest-run.ts";

const sleeper = (env: Readonly<Record<string, string>>) =>
  spawn(process.execPath, ["-e", "setInterval(() => {}, 1000); console.log()"], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "ignore"],
  });

describe("the setup", () => {
  it.each([
    ["2026.10.26", "2025.11.12", true],
    ["2025.11.12", "2025.11.12", true],
    ["2025.11.12.232911", "2025.11.12", true],
    ["2025.9.30", "2025.11.12", false],
    ["2023.03.04", "2025.11.12", false],
  ])("compares versions by number: %s against %s", (version, floor, expected) => {
    expect(isAtLeast(version, floor)).toBe(expected);
  });
});

/** A `python3` that records its arguments and those of its pip, and installs a program of that name. */
const PYTHON = `#!/bin/sh
[ "$2" = venv ] || exit 0
echo "python3 $*" >> "$NOTES"
mkdir -p "$3/bin"
printf '#!/bin/sh\necho "python $*" >> "$NOTES"\n' > "$3/bin/python"
printf '#!/bin/sh\necho "pip $*" >> "$NOTES"\ntouch "%s/bin/yt-dlp"; chmod +x "%s/bin/yt-dlp"\n' "$3" "$3" > "$3/bin/pip"
chmod +x "$3/bin/python" "$3/bin/pip"
`;

describe("the release channel of yt-dlp", () => {
  let folder: string;
  const notes = async () => (await readFile(join(folder, "notes"), "utf8").catch(() => "")).trim();
  const install = (env: Parameters<typeof installChannel>[0], renew = false) =>
    installChannel(env, { renew, folder });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "channel-"));
    await writeFile(join(folder, "python3"), PYTHON, { mode: 0o755 });
    vi.stubEnv("PATH", `${folder}:/usr/bin:/bin`);
    vi.stubEnv("NOTES", join(folder, "notes"));
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true, force: true });
  });

  it("is not installed where the user chose a program", async () => {
    expect(install({ YTDLP_PATH: "/opt/yt-dlp" })).toBeNull();
    expect(install({ YTDLP_CHANNEL: "nightly", YTDLP_PATH: "/opt/yt-dlp" })).toBeNull();
    expect(await notes()).toBe("");
  });

  it("is stable unless another one is chosen: installed once, from this repository's lock", async () => {
    const program = join(folder, "stable", "bin", "yt-dlp");
    expect(install({})).toBe(program);
    const lock = inRoot("processor", "requirements.txt");
    expect((await notes()).split("\n")).toEqual([
      `python3 -m venv ${folder}/stable`,
      `pip install --no-cache-dir --disable-pip-version-check --upgrade --require-hashes --requirement ${lock}`,
      `python -m compileall -q ${folder}/stable/lib`,
    ]);
    const reported = await notes();
    expect(install({ YTDLP_CHANNEL: "stable" }, true)).toBe(program);
    expect(await notes()).toBe(reported);
  });

  it.each([
    ["nightly", "--pre yt-dlp[default,curl-cffi]"],
    [
      "master",
      "yt-dlp[default,curl-cffi] @ https://github.com/yt-dlp/yt-dlp-master-builds/releases/latest/download/yt-dlp.tar.gz",
    ],
  ])("%s is installed once next to the system's, and updated by a setup", async (channel, requirement) => {
    const env = { YTDLP_CHANNEL: channel };
    expect(install(env)).toBe(join(folder, channel, "bin", "yt-dlp"));
    const reported = await notes();
    expect(reported.split("\n")).toEqual([
      `python3 -m venv ${folder}/${channel}`,
      `pip install --no-cache-dir --disable-pip-version-check --upgrade ${requirement}`,
      `python -m compileall -q ${folder}/${channel}/lib`,
    ]);
    install(env);
    expect(await notes()).toBe(reported);
    install(env, true);
    expect(await notes()).toBe(`${reported}\n${reported}`);
  });

  it("that does not exist stops the setup", () => {
    expect(() => install({ YTDLP_CHANNEL: "beta" })).toThrow(/channel beta could not be installed/);
  });
});

describe("the stack", () => {
  it("starts the processor as its image does", async () => {
    const image = await readFile(inRoot("processor/Dockerfile"), "utf8");
    const [, command = "[]"] = /^FROM runtime AS processor$.*?^CMD (.*?)$/ms.exec(image) ?? [];
    expect(JSON.parse(command)).toEqual([
      "node",
      ...PROCESSOR_ARGS.map((arg) => arg.replace(`${root}/`, "")),
    ]);
  });

  it("finds and stops the processes that carry its marker, and no others", async () => {
    const [ours, foreign] = [sleeper(markerOf("one")), sleeper(markerOf("other"))];
    try {
      await Promise.all([once(ours.stdout, "data"), once(foreign.stdout, "data")]);
      expect(processesOf("one")).toEqual([ours.pid]);
      expect(await endProcessesOf("one", 5_000)).toBe(1);
      expect(processesOf("one")).toEqual([]);
      expect(processesOf("other")).toEqual([foreign.pid]);
    } finally {
      foreign.kill("SIGKILL");
      ours.kill("SIGKILL");
    }
  });

  it("distinguishes a process from a later one with the same id", () => {
    const own = identify(process.pid);
    expect(own && isAlive(own)).toBe(true);
    expect(isAlive({ pid: process.pid, started: "at another time" })).toBe(false);
  });
});

describe("npm test", () => {
  it("counts a file that could not be loaded as a failure", () => {
    const broken = { status: "failed", assertionResults: [] };
    const failing = { status: "failed", assertionResults: [{ status: "passed" }, { status: "failed" }] };
    const report = { numPassedTests: 1, numFailedTests: 1, testResults: [broken, failing] };
    expect(countsOf(report)).toEqual({ passed: 1, failed: 2 });
  });
});
