import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { aptCanInstall, installWithApt } from "./apt.mjs";
import { findOnPath, isExecutable } from "./paths.mjs";
import { progress, SetupError } from "./report.mjs";

/**
 * @typedef {{ name: string, package: string, variable: string, versionFlag: string }} Tool
 * @typedef {{ path: string, size: number, modified: number }} FoundTool
 */

/** Oldest yt-dlp that is accepted: older ones cannot run the sites' scripts in a JavaScript runtime. */
export const YTDLP_FLOOR = "2025.11.12";

/** @type {readonly Tool[]} */
const TOOLS = [
  { name: "yt-dlp", package: "yt-dlp", variable: "YTDLP_PATH", versionFlag: "--version" },
  { name: "ffmpeg", package: "ffmpeg", variable: "FFMPEG_PATH", versionFlag: "-version" },
  { name: "ffprobe", package: "ffmpeg", variable: "FFPROBE_PATH", versionFlag: "-version" },
];

/**
 * Makes sure that yt-dlp, ffmpeg and ffprobe are installed and work; installs what is missing.
 *
 * @param {Record<string, FoundTool>} known tools that were tried before; those are not tried again while unchanged
 * @returns {Record<string, FoundTool>} the tools that work, for the next time
 */
export function installMediaTools(known) {
  const missing = TOOLS.filter((tool) => !isGoodEnough(tool, known));
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((tool) => tool.package))];
    progress(`installing ${packages.join(" and ")} …`);
    install(packages);
  }
  return Object.fromEntries(TOOLS.map((tool) => [tool.name, checked(tool, known)]));
}

/**
 * @param {Tool} tool
 * @param {Record<string, FoundTool>} known
 */
function isGoodEnough(tool, known) {
  if (process.env[tool.variable] !== undefined) {
    checked(tool, known);
    return true;
  }
  const found = locate(tool);
  return found !== null && (isUnchanged(found, known[tool.name]) || complaint(tool, found.path) === null);
}

/**
 * @param {Tool} tool
 * @param {Record<string, FoundTool>} known
 * @returns {FoundTool}
 */
function checked(tool, known) {
  const found = locate(tool);
  if (found === null) throw new SetupError(`${tool.name} is still not found. ${advice([tool.package])}`);
  if (isUnchanged(found, known[tool.name])) return found;
  const wrong = complaint(tool, found.path);
  if (wrong !== null) throw new SetupError(`${wrong} ${advice([tool.package])}`);
  return found;
}

/**
 * @param {Tool} tool
 * @returns {FoundTool | null}
 */
function locate(tool) {
  const chosen = process.env[tool.variable];
  if (chosen !== undefined && !isExecutable(chosen)) {
    throw new SetupError(`${tool.variable} is ${chosen}, which is not a program. Correct it or unset it.`);
  }
  const path = chosen ?? findOnPath(tool.name);
  if (path === null) return null;
  const { size, mtimeMs } = statSync(path);
  return { path, size, modified: mtimeMs };
}

/**
 * @param {FoundTool} found
 * @param {FoundTool | undefined} before
 */
const isUnchanged = (found, before) =>
  before?.path === found.path && before.size === found.size && before.modified === found.modified;

/**
 * What is wrong with a program; null if nothing is.
 * @param {Tool} tool
 * @param {string} path
 */
function complaint(tool, path) {
  const { error, status, stdout } = spawnSync(path, [tool.versionFlag], { encoding: "utf8" });
  if (error || status !== 0) return `${path} does not run (${error?.message ?? `it ended with ${status}`}).`;
  if (tool.name !== "yt-dlp" || isAtLeast(stdout.trim(), YTDLP_FLOOR)) return null;
  return `${path} is version ${stdout.trim()}, older than ${YTDLP_FLOOR}.`;
}

/**
 * Compares dotted dates.
 * @param {string} version
 * @param {string} floor
 * @example isAtLeast("2026.10.26", "2025.11.12") // true
 */
export function isAtLeast(version, floor) {
  const [ours, least] = [version, floor].map((text) => text.split(".").map(Number));
  for (const [i, part] of (least ?? []).entries()) {
    const own = ours?.[i] ?? 0;
    if (own !== part) return own > part;
  }
  return true;
}

/** @param {string[]} packages */
function install(packages) {
  if (process.platform === "darwin" && findOnPath("brew") !== null) {
    const { status } = spawnSync("brew", ["install", ...packages], { stdio: "inherit" });
    if (status !== 0) throw new SetupError("brew failed; its message stands above.");
  } else if (aptCanInstall()) {
    installWithApt(packages);
  } else {
    throw new SetupError(advice(packages));
  }
}

/** @param {string[]} packages */
function advice(packages) {
  const how = packages.map((name) =>
    name === "yt-dlp"
      ? `yt-dlp ${YTDLP_FLOOR} or newer (for example: pipx install "yt-dlp[default,curl-cffi]")`
      : "ffmpeg with ffprobe (your system's package manager has it)",
  );
  return `Install ${how.join(" and ")}, or set YTDLP_PATH, FFMPEG_PATH and FFPROBE_PATH to the programs; then run the same command again.`;
}
