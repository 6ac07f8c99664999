import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { installChannel } from "../../bin/setup/ytdlp-channel.mjs";
import { inRoot } from "../../bin/stack/paths.ts";
import { readConfig } from "../../processor/config.ts";
import { discoverTools } from "../../processor/tools/discover.ts";

/**
 * The stable yt-dlp by pip, from an index of fake wheels: the same installer and checks as with the real index, with
 * packages that contain only what the processor looks for.
 */

const VERSION = "2026.8.19";

let folder: string;
/** A separate process, since the setup blocks this one while it waits for pip. */
let index: ChildProcess;
const warnings = vi.spyOn(console, "error").mockImplementation(() => {});

const installer = () => join(folder, "processor", "install-ytdlp.sh");
const install = (renew: boolean, env = {}) =>
  installChannel(env, { renew, folder: join(folder, "ytdlp"), installer: installer() });
const warned = () => warnings.mock.calls.flat().join("\n");

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ytdlp-setup-"));
  mkdirSync(join(folder, "processor"));
  copyFileSync(inRoot("processor", "install-ytdlp.sh"), installer());
  mkdirSync(join(folder, "wheels"));
  wheel(
    "yt-dlp",
    VERSION,
    { "yt_dlp/__init__.py": "", "yt_dlp/version.py": `__version__ = "${VERSION}"\n` },
    [
      ...["--script", "yt-dlp = yt_dlp:main"],
      ...["--extra", "default=yt-dlp-ejs==0.8.0", "--extra", "curl-cffi=curl-cffi"],
    ],
  );
  wheel("yt-dlp-ejs", "0.8.0", { "yt_dlp_ejs/__init__.py": "" });
  wheel("curl-cffi", "0.16.0", { "curl_cffi/__init__.py": "" });
  wheel("bgutil-ytdlp-pot-provider", "1.3.1", { "yt_dlp_plugins/extractor/getpot_bgutil_http.py": "" });
  writeIndex();
  const server = ["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", folder];
  index = spawn("python3", server, { stdio: ["ignore", "pipe", "ignore"] });
  const [line] = await once(index.stdout as NonNullable<typeof index.stdout>, "data");
  vi.stubEnv("PIP_INDEX_URL", `http://127.0.0.1:${/port (\d+)/.exec(String(line))?.[1]}/simple`);
  // the machine's own pip settings: none of them may affect this index
  vi.stubEnv("PIP_CONFIG_FILE", "/dev/null");
  vi.stubEnv("PIP_FIND_LINKS", "");
});

afterAll(async () => {
  vi.unstubAllEnvs();
  warnings.mockRestore();
  index.kill();
  await rm(folder, { recursive: true, force: true });
});

function wheel(
  name: string,
  version: string,
  files: Record<string, string>,
  args: readonly string[] = [],
): void {
  const tops = new Set<string>();
  for (const [path, content] of Object.entries(files)) {
    const file = join(folder, "modules", name, path);
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(file, content);
    tops.add(join(folder, "modules", name, path.split("/")[0] ?? ""));
  }
  run("python3", [
    inRoot("bin", "image", "make-wheel.py"),
    ...["--out", join(folder, "wheels"), "--name", name, "--version", version, ...args, ...tops],
  ]);
}

function run(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
}

/** A page for each project, as PEP 503 defines them. */
function writeIndex(): void {
  for (const file of readdirSync(join(folder, "wheels"))) {
    const path = join(folder, "wheels", file);
    const name = (file.split("-")[0] ?? "").replaceAll("_", "-");
    mkdirSync(join(folder, "simple", name), { recursive: true });
    const link = `<a href="/wheels/${file}#sha256=${sha256(path)}">${file}</a>`;
    writeFileSync(join(folder, "simple", name, "index.html"), link);
  }
}

/** As `lock-requirements.py` writes it. */
function writeLock(): void {
  const lines = readdirSync(join(folder, "wheels")).map((file) => {
    const [name = "", version = ""] = file.split("-");
    return `${name.replaceAll("_", "-")}==${version} \\\n    --hash=sha256:${sha256(join(folder, "wheels", file))}\n`;
  });
  writeFileSync(join(folder, "processor", "requirements.txt"), lines.join(""));
}

const sha256 = (file: string): string =>
  spawnSync("sha256sum", [file], { encoding: "utf8" }).stdout.slice(0, 64);

describe("the setup of yt-dlp", { timeout: 300_000 }, () => {
  it("uses the system's instead of one without hashes, and warns about what will not work", () => {
    writeFileSync(join(folder, "processor", "requirements.txt"), `yt-dlp==${VERSION}\n`);
    vi.stubEnv("PATH", `${join(folder, "no-ytdlp")}:${process.env.PATH}`);
    expect(install(false)).toBeNull();
    expect(readdirSync(join(folder, "ytdlp"))).toEqual(["stable.json"]);
    expect(warned()).toContain("it could not be installed");
    expect(warned()).toMatch(/WARNING {4}- yt-dlp-ejs: YouTube's JavaScript challenges fail/);
    expect(warned()).toContain("curl_cffi: sites that let only browsers in");
  });

  it("locks every package of the index by its hash, and installs them into a separate environment", async () => {
    writeLock();

    warnings.mockClear();
    const program = install(false);
    expect(program).toBe(join(folder, "ytdlp", "stable", "bin", "yt-dlp"));
    expect(warned()).toBe("");
    const config = {
      WORKER_URL: "http://127.0.0.1:1",
      PROCESSOR_TOKEN: "0123456789abcdef",
      PATH: process.env.PATH,
    };
    const { ytdlp } = await discoverTools(readConfig({ ...config, YTDLP_PATH: program ?? "" }));
    expect(ytdlp).toMatchObject({
      version: VERSION,
      challengeScripts: true,
      impersonation: true,
      potPlugin: true,
    });

    const { ino } = statSync(program ?? "");
    expect(install(false)).toBe(program);
    expect(install(true)).toBe(program);
    expect(statSync(program ?? "").ino).toBe(ino);
  });

  it("installs no package whose file differs from the locked one, and does not ask again at each start", () => {
    const lock = join(folder, "processor", "requirements.txt");
    writeFileSync(
      lock,
      readFileSync(lock, "utf8").replace(/sha256:[0-9a-f]{64}/, `sha256:${"0".repeat(64)}`),
    );
    expect(install(false)).toBeNull();
    expect(readdirSync(join(folder, "ytdlp"))).toEqual(["stable.json"]);
    expect(warned()).toContain("it could not be installed");
    const stamp = () => readFileSync(join(folder, "ytdlp", "stable.json"), "utf8");
    const before = stamp();
    expect(install(false)).toBeNull();
    expect(stamp()).toBe(before);
  });

  it("leaves a yt-dlp alone that the user chose", () => {
    expect(install(true, { YTDLP_PATH: "/opt/yt-dlp" })).toBeNull();
  });
});
