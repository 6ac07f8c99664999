import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { aptCanInstall, installWithApt } from "./apt.mjs";
import { isExecutable, root } from "./paths.mjs";
import { progress, SetupError, warn } from "./report.mjs";
import { whatIsMissing } from "./ytdlp-extras.mjs";

/**
 * @typedef {{ YTDLP_CHANNEL?: string | undefined, YTDLP_PATH?: string | undefined }} Environment
 * @typedef {{ renew: boolean, folder?: string, installer?: string }} Options
 */

/** How long a failed installation of the stable channel is not tried again, in milliseconds. */
const TRY_AGAIN_AFTER = 24 * 60 * 60 * 1000;

/**
 * The yt-dlp of the release channel that `YTDLP_CHANNEL` names, in an environment of its own below `.cache/`, with the
 * packages that YouTube's challenges and other sites need, which the systems' packages lack. If the stable channel cannot be
 * installed like this, the system's yt-dlp is used, and a warning says what will not work.
 *
 * @param {Environment} env
 * @param {Options} options whether one that is there is brought up to date
 * @returns {string | null} its program; null where the system's own, or the one in `YTDLP_PATH`, is to be taken
 */
export function installChannel(
  env,
  { renew, folder = join(root, ".cache", "ytdlp"), installer = join(root, "processor", "install-ytdlp.sh") },
) {
  const channel = env.YTDLP_CHANNEL || "stable";
  if (env.YTDLP_PATH) return null;
  const home = join(folder, channel);
  if (channel === "stable") return installStable({ renew, folder, installer });
  const program = join(home, "bin", "yt-dlp");
  if (!renew && isExecutable(program)) return program;
  progress(`installing yt-dlp of the channel ${channel} …`);
  if (runInstaller(installer, home, channel) && isExecutable(program)) return program;
  throw new SetupError(
    `yt-dlp of the channel ${channel} could not be installed; the message stands above. It needs Python 3.10 or newer with venv (Debian: apt-get install python3-venv) and a way to PyPI.`,
  );
}

/**
 * @param {Required<Options>} options
 * @returns {string | null}
 */
function installStable({ renew, folder, installer }) {
  const home = join(folder, "stable");
  const program = join(home, "bin", "yt-dlp");
  const stampFile = join(folder, "stable.json");
  const lock = readFileSync(join(dirname(installer), "requirements.txt"), "utf8");
  const digest = createHash("sha256").update(lock).digest("hex");
  const stamp = readStamp(stampFile);
  if (stamp.lock === digest && isExecutable(program)) return program;

  const failedLately = stamp.failed === digest && Date.now() - stamp.at < TRY_AGAIN_AFTER;
  const reason = failedLately && !renew ? stamp.reason : install();
  mkdirSync(folder, { recursive: true });
  if (reason === null) {
    writeFileSync(stampFile, JSON.stringify({ lock: digest }));
    return program;
  }
  const at = failedLately && !renew ? stamp.at : Date.now();
  writeFileSync(stampFile, JSON.stringify({ failed: digest, at, reason }));
  warnOfSystemPackage(reason);
  return null;

  /** @returns {string | null} why not */
  function install() {
    try {
      installVenv();
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      return error.message;
    }
    progress("installing yt-dlp with what YouTube needs …");
    // an earlier one may belong to another Python
    rmSync(home, { recursive: true, force: true });
    if (runInstaller(installer, home, "stable") && isExecutable(program)) return null;
    rmSync(home, { recursive: true, force: true });
    return "it could not be installed; the reason stands above, or in the output of npm run setup";
  }
}

/**
 * @param {string} file
 * @returns {{ lock?: string, failed?: string, at: number, reason: string }}
 */
function readStamp(file) {
  try {
    return { at: 0, reason: "", ...JSON.parse(readFileSync(file, "utf8")) };
  } catch {
    return { at: 0, reason: "" };
  }
}

/** Debian ships Python's venv module in a separate package. */
function installVenv() {
  const hasVenv = spawnSync("python3", ["-c", "import ensurepip, venv"], { stdio: "ignore" }).status === 0;
  if (!hasVenv && aptCanInstall()) installWithApt(["python3", "python3-venv"]);
}

/**
 * @param {string} installer
 * @param {string} home
 * @param {string} channel
 */
function runInstaller(installer, home, channel) {
  const { error, status } = spawnSync(installer, [home, channel], {
    stdio: ["ignore", "inherit", "inherit"],
    // an index that cannot be reached fails soon
    env: { PIP_RETRIES: "1", PIP_DEFAULT_TIMEOUT: "15", ...process.env },
  });
  return !error && status === 0;
}

/** @param {string} reason why there is no environment */
function warnOfSystemPackage(reason) {
  const missing = whatIsMissing();
  if (missing.length === 0) return;
  warn([
    `yt-dlp's own environment is not installed: ${reason}.`,
    "The system's yt-dlp is used. It lacks:",
    ...missing.map((line) => `  - ${line}`),
    "npm run setup tries again; npx waterspout doctor shows what a running installation lacks.",
  ]);
}
