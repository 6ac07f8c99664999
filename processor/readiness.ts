import { constants } from "node:fs";
import { access, rm, statfs, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import type { ReadinessCheck } from "../schema/readiness-check.ts";
import type { ProcessorConfig } from "./config.ts";
import { readOperatorCookies } from "./operator-cookies.ts";
import type { Tools } from "./tools/discover.ts";

/** What the checks inspect. */
export interface ReadinessParts {
  readonly config: Pick<
    ProcessorConfig,
    "workDir" | "ytdlpCookies" | "ytdlpCookiesFile" | "ytdlpPotProviderUrl"
  >;
  readonly tools: Pick<Tools, "encoders" | "node"> & {
    readonly ytdlp: Pick<
      Tools["ytdlp"],
      "path" | "version" | "challengeScripts" | "impersonation" | "potPlugin"
    >;
    readonly ffmpeg: Pick<Tools["ffmpeg"], "path">;
    readonly ffprobe: Pick<Tools["ffprobe"], "path">;
  };
  /** Why yt-dlp's process could not be started; null when it was, or is about to be. */
  readonly extractorFailure: () => string | null;
  /** Why there is no newer yt-dlp next to the pinned one, or not the newest; null if nothing is wrong. */
  readonly candidateFailure: () => string | null;
  /** Version of the one that is there; null: none. */
  readonly candidate: () => string | null;
  /** Why no report reaches the Worker; null when they do. */
  readonly workerFailure: () => string | null;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** What the processor can check itself, so that no job is the first to find it. */
export async function checkReadiness(parts: ReadinessParts): Promise<readonly ReadinessCheck[]> {
  const { config, tools } = parts;
  return await Promise.all([
    checkWorker(parts),
    checkExtractor(parts),
    checkPrograms(
      "media_tools",
      { ffmpeg: tools.ffmpeg.path, ffprobe: tools.ffprobe.path },
      "they are there",
    ),
    checkPrograms(
      "javascript",
      { Node: tools.node.path },
      `Node ${tools.node.version} runs the scripts of sources`,
    ),
    checkChallengeScripts(tools.ytdlp),
    checkImpersonation(tools.ytdlp),
    checkPoToken(config, tools.ytdlp),
    checkAge(tools.ytdlp, parts.now()),
    checkCandidate(parts),
    checkEncoders(tools.encoders),
    checkCookies(config),
    checkWorkFolder(config.workDir),
  ]);
}

const ok = (name: string, detail: string): ReadinessCheck => ({ name, status: "ok", detail });

function checkWorker({ workerFailure }: ReadinessParts): ReadinessCheck {
  const failure = workerFailure();
  if (failure === null) return ok("worker", "the Worker takes this processor's reports");
  return {
    ...{ name: "worker", status: "failed", detail: `${failure}: what is delivered cannot be reported` },
    advice: "Correct WORKER_URL or PROCESSOR_TOKEN, or let this processor reach the Worker",
  };
}

/** What was found at the start may be gone since: an upgrade of the system replaces programs while they run. */
async function checkPrograms(
  name: string,
  paths: Readonly<Record<string, string>>,
  detail: string,
): Promise<ReadinessCheck> {
  const missing: string[] = [];
  for (const [program, path] of Object.entries(paths)) {
    await access(path, constants.X_OK).catch(() => missing.push(`${program} (${path})`));
  }
  if (missing.length === 0) return ok(name, detail);
  return {
    ...{ name, status: "failed", detail: `${missing.join(" and ")} cannot be run any more: jobs fail` },
    advice: "Install it again, and restart the processor",
  };
}

async function checkExtractor({ extractorFailure, tools }: ReadinessParts): Promise<ReadinessCheck> {
  const failure = extractorFailure();
  if (failure === null) {
    return checkPrograms("ytdlp", { "yt-dlp": tools.ytdlp.path }, `yt-dlp ${tools.ytdlp.version}`);
  }
  return {
    ...{ name: "ytdlp", status: "failed", detail: `yt-dlp could not be started: ${failure}` },
    advice: "Read the processor's log; npm run setup installs yt-dlp anew",
  };
}

const INSTALL = 'npm run setup where PyPI can be reached, or pip install "yt-dlp[default,curl-cffi]"';

function checkChallengeScripts({ challengeScripts }: ReadinessParts["tools"]["ytdlp"]): ReadinessCheck {
  if (challengeScripts)
    return ok("challenge_scripts", "yt-dlp-ejs solves the sources' JavaScript challenges");
  return {
    name: "challenge_scripts",
    status: "warning",
    detail: "yt-dlp-ejs is not installed: YouTube's challenges fail, and with them most of its formats",
    advice: INSTALL,
  };
}

function checkImpersonation({ impersonation }: ReadinessParts["tools"]["ytdlp"]): ReadinessCheck {
  if (impersonation) return ok("impersonation", "curl_cffi speaks to sources like a browser");
  return {
    name: "impersonation",
    status: "warning",
    detail: "curl_cffi is not installed: sources that let only browsers in refuse this processor",
    advice: INSTALL,
  };
}

async function checkPoToken(
  { ytdlpPotProviderUrl: url }: ReadinessParts["config"],
  { potPlugin }: ReadinessParts["tools"]["ytdlp"],
): Promise<ReadinessCheck> {
  if (url === undefined) return ok("po_token", "no provider is set (YTDLP_POT_PROVIDER_URL)");
  const failure = potPlugin
    ? await connectionFailure(new URL(url))
    : "yt-dlp has no plugin for it (bgutil-ytdlp-pot-provider)";
  if (failure === null) return ok("po_token", `the provider ${new URL(url).host} answers`);
  return {
    name: "po_token",
    status: "warning",
    detail: `YTDLP_POT_PROVIDER_URL is set, but ${failure}: YouTube may ask for a sign-in`,
    advice: potPlugin
      ? "Start the provider, or correct or unset YTDLP_POT_PROVIDER_URL"
      : 'pip install "bgutil-ytdlp-pot-provider" into yt-dlp\'s environment; npm run setup and the image do',
  };
}

const CONNECT_MS = 1_000;

/** Why nothing listens there; null if something does. */
function connectionFailure({ hostname, port, protocol, host }: URL): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({
      host: hostname.replace(/^\[|\]$/g, ""),
      port: Number(port) || (protocol === "https:" ? 443 : 80),
      timeout: CONNECT_MS,
    });
    const end = (failure: string | null) => {
      socket.destroy();
      resolve(failure);
    };
    socket.once("connect", () => end(null));
    socket.once("timeout", () => end(`nobody answers at ${host}`));
    socket.once("error", () => end(`nobody answers at ${host}`));
  });
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** Sites change often; yt-dlp's project advises to update older releases. */
const OLD_DAYS = 90;

function checkAge({ version }: ReadinessParts["tools"]["ytdlp"], now: number): ReadinessCheck {
  const [year = Number.NaN, month = 1, day = 1] = version.split(".").map(Number);
  const days = Math.floor((now - Date.UTC(year, month - 1, day)) / DAY_MS);
  if (!(days > OLD_DAYS)) return ok("ytdlp_age", `yt-dlp ${version} is current enough`);
  return {
    name: "ytdlp_age",
    status: "warning",
    detail: `yt-dlp ${version} is ${days} days old: sites that changed since fail`,
    advice:
      "lock a newer release (docs/security.md#supply-chain), or choose YTDLP_CHANNEL=nightly; then npm run setup, or build the image with --build-arg YTDLP_REFRESH=<today>",
  };
}

function checkCandidate({ candidate, candidateFailure }: ReadinessParts): ReadinessCheck {
  const [version, failure] = [candidate(), candidateFailure()];
  if (failure === null) {
    return ok(
      "ytdlp_candidate",
      version === null ? "no second yt-dlp is in use" : `yt-dlp ${version} is tried`,
    );
  }
  return {
    name: "ytdlp_candidate",
    status: "warning",
    detail: `${failure}; the pinned yt-dlp works on`,
    advice: "See docs/versions.md for what YTDLP_AUTO_UPDATE and YTDLP_CANDIDATE_PATH need",
  };
}

/** Encoders without which hardly any conversion succeeds, and those of single formats. */
const NEEDED_ENCODERS = { libx264: "H.264", aac: "AAC" } as const;
const SOME_ENCODERS = {
  libx265: "H.265",
  "libvpx-vp9": "VP9",
  libopus: "Opus",
  libmp3lame: "MP3",
} as const;

function checkEncoders(encoders: Tools["encoders"]): ReadinessCheck {
  const missing = (wanted: Readonly<Record<string, string>>) =>
    Object.entries(wanted).flatMap(([encoder, codec]) =>
      encoders.has(encoder) ? [] : [`${codec} (${encoder})`],
    );
  const [needed, some] = [missing(NEEDED_ENCODERS), missing(SOME_ENCODERS)];
  if (needed.length + some.length === 0) return ok("encoders", "ffmpeg makes every format");
  return {
    name: "encoders",
    status: needed.length > 0 ? "failed" : "warning",
    detail: `ffmpeg cannot make ${[...needed, ...some].join(", ")}: jobs that ask for it fail`,
    advice: "Install a complete ffmpeg, or set FFMPEG_PATH to one",
  };
}

async function checkCookies(config: ReadinessParts["config"]): Promise<ReadinessCheck> {
  try {
    const cookies = await readOperatorCookies(config);
    return ok("cookies", cookies === null ? "none are set" : "they can be read");
  } catch (error) {
    const [detail = "", advice] = (error as Error).message.split(/: /);
    return { name: "cookies", status: "failed", detail, ...(advice && { advice }) };
  }
}

/** Less would not hold an hour of video. */
const LOW_DISK_BYTES = 2 << 30;
const PROBE_FILE = "readiness.tmp";

async function checkWorkFolder(folder: string): Promise<ReadinessCheck> {
  const file = join(folder, PROBE_FILE);
  try {
    await writeFile(file, "Waterspout checks that it can write here.\n");
    await rm(file, { force: true });
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    const gibibytes = `${(free / 2 ** 30).toFixed(1)} GiB free in WORK_DIR ${folder}`;
    if (free >= LOW_DISK_BYTES) return ok("work_folder", gibibytes);
    return {
      name: "work_folder",
      status: "warning",
      detail: `only ${gibibytes}: jobs whose files are larger fail`,
      advice: "Give WORK_DIR a larger volume",
    };
  } catch (error) {
    return { name: "work_folder", status: "failed", ...explainNoWrite(folder, error) };
  }
}

/** Why a file could not be written, and what to do. @param error of the file system */
export function explainNoWrite(folder: string, error: unknown): { detail: string; advice: string } {
  const { code = String(error) } = error as NodeJS.ErrnoException;
  const isFull = code === "ENOSPC" || code === "EDQUOT";
  return {
    detail: isFull
      ? `WORK_DIR ${folder} is full (${code})`
      : `WORK_DIR ${folder} cannot be written (${code})`,
    advice: isFull
      ? "Make room there, or give WORK_DIR a larger volume"
      : "Let this user write there; on a read-only root it must be a volume or a tmpfs",
  };
}
