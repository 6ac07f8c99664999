import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ProcessorConfig } from "../../config.ts";
import { findInFolder, isOlder, type YtdlpTool } from "../discover.ts";
import { spawnTool } from "../exec.ts";
import type { ToolLimits } from "../sandbox.ts";

export interface UpdateParts {
  readonly config: Pick<ProcessorConfig, "ytdlpUpdateDir" | "packageIndex" | "searchPath">;
  /** The pinned yt-dlp: its Python, which needs pip, runs the newer one, and its channel is fetched. */
  readonly pinned: YtdlpTool;
  readonly signal: AbortSignal;
}

/** What stands next to the folder of a version; without it, the folder is incomplete. */
interface UpdateRecord {
  readonly version: string;
  /** Of all its files, see {@link digestOf}. */
  readonly sha256: string;
  /** The lock by which pip checked what it fetched: names, versions and the index' SHA-256. */
  readonly lock: string;
}

/** Resolving and installing take seconds; an index that does not answer must not keep a process for hours. */
const LIMITS: ToolLimits = { wallMs: 10 * 60_000, memoryBytes: null, cpuSeconds: null };
const CHANNELS: readonly string[] = ["stable", "nightly"];

const program = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

/**
 * The newest version that an earlier process fetched, if it is newer than the pinned one and as it was installed.
 *
 * @returns null if there is none
 */
export async function findUpdate({ config, pinned }: UpdateParts): Promise<YtdlpTool | null> {
  const folder = config.ytdlpUpdateDir;
  const names = await readdir(folder).catch(() => []);
  const records = await Promise.all(
    names.filter((name) => name.endsWith(".json")).map((name) => readRecord(join(folder, name))),
  );
  const newest = records
    .filter((record) => record !== null)
    .sort((a, b) => (isOlder(a.version, b.version) ? 1 : -1))
    .at(0);
  if (!newest || !isOlder(pinned.version, newest.version)) return null;
  const path = join(folder, newest.version);
  if ((await digestOf(path)) !== newest.sha256) {
    await rm(path, { recursive: true, force: true });
    return null;
  }
  return findInFolder(path, pinned.python, config);
}

/**
 * Fetches the newest version of the pinned one's channel, if it is newer than that and than `known`. Every package is checked
 * by the SHA-256 that the index published when the version was looked up; pip accepts nothing else. What is half installed is
 * never used.
 *
 * @returns null if there is nothing newer
 * @throws Error with one sentence, for the operator
 */
export async function fetchUpdate(parts: UpdateParts, known: string): Promise<YtdlpTool | null> {
  const { config, pinned } = parts;
  if (!CHANNELS.includes(pinned.channel)) {
    throw new Error(`YTDLP_AUTO_UPDATE fetches stable and nightly versions, not ${pinned.channel}`);
  }
  await mkdir(config.ytdlpUpdateDir, { recursive: true });
  const work = await mkdtemp(join(config.ytdlpUpdateDir, "fetching-"));
  try {
    const lockFile = join(work, "requirements.txt");
    const pre = pinned.channel === "nightly" ? ["--pre"] : [];
    await run(parts, work, pinned.python, [
      ...[program("lock-requirements.py"), "--here", "--newest", "yt-dlp", ...pre],
      ...["--output", lockFile],
    ]);
    const lock = await readFile(lockFile, "utf8");
    const version = /^yt-dlp==(\S+)/m.exec(lock)?.[1];
    if (version === undefined) throw new Error("the package index has no yt-dlp");
    if (!isOlder(pinned.version, version) || !isOlder(known, version)) return null;
    const packages = join(work, "packages");
    await run(parts, work, program("install-ytdlp.sh"), [packages, "stable"], {
      YTDLP_LOCK: lockFile,
      YTDLP_PYTHON: pinned.python,
    });
    return await keep(parts, packages, lock);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Gives a version its place, in place of all others; its record comes last. */
async function keep({ config, pinned }: UpdateParts, packages: string, lock: string): Promise<YtdlpTool> {
  const { version } = await findInFolder(packages, pinned.python, config);
  const path = join(config.ytdlpUpdateDir, version);
  const record: UpdateRecord = { version, sha256: await digestOf(packages), lock };
  await rm(path, { recursive: true, force: true });
  await rename(packages, path);
  await writeFile(`${path}.json.tmp`, JSON.stringify(record));
  await rename(`${path}.json.tmp`, `${path}.json`);
  return findInFolder(path, pinned.python, config);
}

/** Removes what no process needs any more. @param version that is in use */
export async function removeOldUpdates(
  { config }: Pick<UpdateParts, "config">,
  version: string,
): Promise<void> {
  const folder = config.ytdlpUpdateDir;
  const used = new Set([version, `${version}.json`]);
  const names = (await readdir(folder)).filter((name) => !used.has(name));
  await Promise.all(names.map((name) => rm(join(folder, name), { recursive: true, force: true })));
}

async function readRecord(file: string): Promise<UpdateRecord | null> {
  try {
    const record = JSON.parse(await readFile(file, "utf8")) as Partial<UpdateRecord>;
    const { version, sha256, lock = "" } = record;
    return version === undefined || sha256 === undefined ? null : { version, sha256, lock };
  } catch {
    return null;
  }
}

/** SHA-256 over the names and the content of all files of a folder; empty if it cannot be read. */
async function digestOf(folder: string): Promise<string> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name));
    const digest = createHash("sha256");
    for (const file of files.sort()) {
      digest.update(`${file.slice(folder.length)}\0`).update(
        createHash("sha256")
          .update(await readFile(file))
          .digest(),
      );
    }
    return digest.digest("hex");
  } catch {
    return "";
  }
}

/** @throws Error with the last line of what the program says */
async function run(
  { config, signal }: UpdateParts,
  cwd: string,
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { exited } = spawnTool({
    ...{ command, args, cwd, signal, stdout: "ignore", limits: LIMITS, sandbox: null },
    env: {
      PATH: config.searchPath,
      // pip reads the operator's certificates and proxies from its configuration there
      HOME: homedir(),
      PIP_INDEX_URL: config.packageIndex,
      PIP_DISABLE_PIP_VERSION_CHECK: "1",
      PIP_RETRIES: "1",
      ...env,
    },
  });
  const { code, stderrTail } = await exited;
  signal.throwIfAborted();
  if (code !== 0) throw new Error(`yt-dlp could not be fetched: ${stderrTail.trim().split("\n").at(-1)}`);
}
