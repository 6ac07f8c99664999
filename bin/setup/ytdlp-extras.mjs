import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { findOnPath } from "./paths.mjs";

/** What yt-dlp's extras contain, and what does not work without them. */
const EXTRAS = /** @type {const} */ ({
  yt_dlp_ejs: "yt-dlp-ejs: YouTube's JavaScript challenges fail, and with them most of its formats",
  curl_cffi: "curl_cffi: sites that let only browsers in refuse its requests",
});

const SCRIPT =
  "import importlib.util, sys; print(*[n for n in sys.argv[1:] if not importlib.util.find_spec(n)])";

/**
 * What the system's yt-dlp lacks, as lines for people.
 *
 * @returns {string[]}
 */
export function whatIsMissing() {
  const names = Object.keys(EXTRAS);
  const program = findOnPath("yt-dlp");
  const python = program === null ? null : interpreterOf(program);
  const { status, stdout } = spawnSync(python ?? "python3", ["-c", SCRIPT, ...names], { encoding: "utf8" });
  const missing = status === 0 ? stdout.trim().split(" ") : names;
  return Object.entries(EXTRAS).flatMap(([name, line]) => (missing.includes(name) ? [line] : []));
}

/**
 * The Python that the first line of a program names by its path; null if it names none.
 *
 * @param {string} program
 */
function interpreterOf(program) {
  const [line = ""] = readFileSync(program, "latin1").split("\n", 1);
  const [path = ""] = line.startsWith("#!") ? line.slice(2).trim().split(" ") : [];
  return path.includes("python") ? path : null;
}
