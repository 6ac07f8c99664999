import { constants } from "node:fs";
import { access, open, realpath } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { ProcessorConfig } from "../config.ts";
import { spawnTool } from "./exec.ts";
import { openSandbox, REPORT_ARGS, type Sandbox, type ToolLimits } from "./sandbox.ts";

export interface Tool {
  /** Absolute path of the program. */
  readonly path: string;
  readonly version: string;
}

export interface YtdlpTool extends Tool {
  /** The Python whose modules contain yt-dlp. */
  readonly python: string;
  /** Release channel that it was built for. @example "stable" */
  readonly channel: string;
  /** What that Python must add to its module path to find yt-dlp (a zipapp, or packages in the user's home). */
  readonly pythonPath: string | undefined;
  /** The scripts that solve YouTube's JavaScript challenges are installed (package yt-dlp-ejs). */
  readonly challengeScripts: boolean;
  /** Browser impersonation is available (package curl-cffi). */
  readonly impersonation: boolean;
  /** A plugin that asks PO-token providers is installed (package bgutil-ytdlp-pot-provider). */
  readonly potPlugin: boolean;
}

/** The programs that the processor works with. */
export interface Tools {
  readonly ytdlp: YtdlpTool;
  readonly ffmpeg: Tool;
  readonly ffprobe: Tool;
  /** What ffmpeg can make, by its own names. @example "libx264" */
  readonly encoders: ReadonlySet<string>;
  /** The JavaScript runtime given to yt-dlp: the one that runs this program. */
  readonly node: Tool;
  /** The sandbox for tools. */
  readonly sandbox: Sandbox;
}

/** Settings for the discovery. */
type DiscoverConfig = Pick<
  ProcessorConfig,
  | "ytdlpPath"
  | "ytdlpChannel"
  | "ffmpegPath"
  | "ffprobePath"
  | "searchPath"
  | "toolIsolation"
  | "toolMemoryBytes"
  | "inspectMemoryBytes"
  | "inspectCpuSeconds"
  | "inspectSeconds"
  | "maxRunSeconds"
>;

/** A program that does not report its version in this time does not work. */
const VERSION_LIMITS: ToolLimits = { wallMs: 30_000, memoryBytes: null, cpuSeconds: null };

/** The first release that accepts a JavaScript runtime as an option. */
const YTDLP_FLOOR = "2025.11.12";

const FFMPEG_ADVICE = "install it with: apt-get install ffmpeg, or: brew install ffmpeg";
const YTDLP_ADVICE =
  'install it with: apt-get install yt-dlp (from backports), or: brew install yt-dlp, or: pip install "yt-dlp[default]"';

/**
 * Finds the tools and their versions.
 *
 * @throws Error with one sentence for each tool that is missing, broken, too old or of another channel than
 *   requested, saying what to install
 */
export async function discoverTools(config: DiscoverConfig): Promise<Tools> {
  const found = await Promise.allSettled([
    findYtdlp(config),
    findFfmpeg("ffmpeg", config.ffmpegPath, config),
    findFfmpeg("ffprobe", config.ffprobePath, config),
  ]);
  const problems = found.filter((result) => result.status === "rejected").map(({ reason }) => reason.message);
  const [ytdlp, ffmpeg, ffprobe] = found;
  if (ytdlp.status === "rejected" || ffmpeg.status === "rejected" || ffprobe.status === "rejected") {
    throw new Error(problems.join("\n"));
  }
  const node = { path: process.execPath, version: process.versions.node };
  const { python } = ytdlp.value;
  const [report, encoders] = await Promise.all([
    outputOf(python, REPORT_ARGS, { PATH: config.searchPath }),
    outputOf(ffmpeg.value.path, ["-hide_banner", "-encoders"], { PATH: config.searchPath }),
  ]);
  const sandbox = openSandbox(python, config, report);
  return {
    ...{ ytdlp: ytdlp.value, ffmpeg: ffmpeg.value, ffprobe: ffprobe.value, node, sandbox },
    encoders: encodersOf(encoders ?? ""),
  };
}

/** Each line has flags in front of a name: ` V....D libx264   H.264 …`. */
const encodersOf = (listing: string): ReadonlySet<string> =>
  new Set(listing.split("\n").flatMap((line) => /^ [VAS][.A-Z]{5} (\S+)/.exec(line)?.[1] ?? []));

async function findFfmpeg(name: string, given: string | undefined, config: DiscoverConfig): Promise<Tool> {
  const path = await locate(name, given, config.searchPath, FFMPEG_ADVICE);
  const output = await outputOf(path, ["-version"], { PATH: config.searchPath });
  const version = output && /version (\S+)/.exec(output)?.[1];
  if (!version) throw new Error(`${path} does not work as ${name}; ${FFMPEG_ADVICE}`);
  return { path, version };
}

async function findYtdlp(
  config: Pick<DiscoverConfig, "searchPath" | "ytdlpPath" | "ytdlpChannel">,
): Promise<YtdlpTool> {
  const path = await locate("yt-dlp", config.ytdlpPath, config.searchPath, YTDLP_ADVICE);
  const { python, isZip } = await interpreterOf(path, config.searchPath);
  const facts = await pythonFacts(python, isZip ? path : undefined, config.searchPath);
  if (!facts) throw new Error(`${python} runs ${path} but has no module yt_dlp; ${YTDLP_ADVICE}`);
  const pythonPath = isZip ? path : (facts.user_site ?? undefined);
  const found = toolOf({ path, python, pythonPath }, facts);
  const { ytdlpChannel: channel = facts.channel } = config;
  if (facts.channel !== channel) {
    throw new Error(
      `${path} is yt-dlp of the channel ${facts.channel}, and YTDLP_CHANNEL asks for ${channel}; install that with: npm run setup`,
    );
  }
  return found;
}

/** Settings for a second yt-dlp. */
export type CandidateConfig = Pick<ProcessorConfig, "searchPath">;

/**
 * The yt-dlp of a program, of any channel.
 *
 * @throws Error with one sentence if it is missing, broken or too old
 */
export async function findCandidate(path: string, { searchPath }: CandidateConfig): Promise<YtdlpTool> {
  return findYtdlp({ searchPath, ytdlpPath: path, ytdlpChannel: undefined });
}

/**
 * The yt-dlp in a folder of packages, for a Python that is there.
 *
 * @throws Error with one sentence if it does not work or is too old
 */
export async function findInFolder(
  folder: string,
  python: string,
  { searchPath }: CandidateConfig,
): Promise<YtdlpTool> {
  const facts = await pythonFacts(python, folder, searchPath);
  if (!facts) throw new Error(`${python} finds no working yt_dlp in ${folder}`);
  return toolOf({ path: folder, python, pythonPath: folder }, facts);
}

function toolOf(where: Pick<YtdlpTool, "path" | "python" | "pythonPath">, facts: PythonFacts): YtdlpTool {
  if (isOlder(facts.version, YTDLP_FLOOR)) {
    throw new Error(`${where.path} is yt-dlp ${facts.version}, older than ${YTDLP_FLOOR}; ${YTDLP_ADVICE}`);
  }
  return {
    ...where,
    version: facts.version,
    channel: facts.channel,
    challengeScripts: facts.ejs,
    impersonation: facts.curl_cffi,
    potPlugin: facts.pot_plugin,
  };
}

/** @example isOlder("2026.9.1", "2026.10.1") // true */
export const isOlder = (version: string, than: string): boolean =>
  version.localeCompare(than, "en", { numeric: true }) < 0;

async function locate(
  name: string,
  given: string | undefined,
  searchPath: string,
  advice: string,
): Promise<string> {
  const candidates =
    given === undefined ? searchPath.split(delimiter).map((folder) => join(folder, name)) : [given];
  for (const candidate of candidates) {
    if (await isExecutable(candidate)) return candidate;
  }
  const where = given === undefined ? "was not found on the PATH" : `is not an executable file at ${given}`;
  throw new Error(`${name} ${where}; ${advice}`);
}

/** The Python named by the first line of yt-dlp's program, and whether the rest of the file is a zip archive. */
async function interpreterOf(path: string, searchPath: string): Promise<{ python: string; isZip: boolean }> {
  const head = await firstBytes(await realpath(path), 512);
  const [line = "", rest = ""] = head.split(/\n(.*)/s);
  const words = line.startsWith("#!") ? line.slice(2).trim().split(/\s+/) : [];
  const isEnv = words[0]?.endsWith("/env") ?? false;
  const interpreter = isEnv ? words.find((word, i) => i > 0 && !word.startsWith("-")) : words[0];
  if (!interpreter?.includes("python")) {
    throw new Error(
      `${path} is not a Python program (the stand-alone build is not supported); ${YTDLP_ADVICE}`,
    );
  }
  const python = isEnv ? await locate(interpreter, undefined, searchPath, YTDLP_ADVICE) : interpreter;
  return { python, isZip: rest.startsWith("PK") };
}

const FACTS_SCRIPT = `
import importlib.util, json, pkgutil, site, yt_dlp.version
user_site = site.getusersitepackages()
has = lambda name: importlib.util.find_spec(name) is not None
try:
    import yt_dlp_plugins.extractor as plugins
    pot_plugin = any(module.name.startswith('getpot_') for module in pkgutil.iter_modules(plugins.__path__))
except ImportError:
    pot_plugin = False
print(json.dumps({
    'version': yt_dlp.version.__version__,
    'channel': getattr(yt_dlp.version, 'CHANNEL', 'stable'),
    'user_site': user_site if yt_dlp.__file__.startswith(user_site) else None,
    'ejs': has('yt_dlp_ejs'), 'curl_cffi': has('curl_cffi'), 'pot_plugin': pot_plugin}))
`;

interface PythonFacts {
  readonly version: string;
  readonly channel: string;
  readonly user_site: string | null;
  readonly ejs: boolean;
  readonly curl_cffi: boolean;
  readonly pot_plugin: boolean;
}

async function pythonFacts(
  python: string,
  zipPath: string | undefined,
  searchPath: string,
): Promise<PythonFacts | undefined> {
  // The real home folder, in which packages of the user are found.
  const env = {
    PATH: searchPath,
    HOME: homedir(),
    ...(zipPath === undefined ? {} : { PYTHONPATH: zipPath }),
  };
  const output = await outputOf(python, ["-c", FACTS_SCRIPT], env);
  return output === undefined ? undefined : (JSON.parse(output) as PythonFacts);
}

/** What a program prints, or undefined when it fails or does not start. */
async function outputOf(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const lines: string[] = [];
  const onStdoutLine = (line: string) => void lines.push(line);
  const tool = spawnTool({
    ...{ command, args, env, cwd: tmpdir(), stdout: "pipe", onStdoutLine },
    ...{ limits: VERSION_LIMITS, sandbox: null },
  });
  const exit = await tool.exited.catch(() => undefined);
  return exit?.code === 0 ? lines.join("\n") : undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function firstBytes(path: string, count: number): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(count), 0, count, 0);
    return buffer.toString("latin1", 0, bytesRead);
  } finally {
    await file.close();
  }
}
