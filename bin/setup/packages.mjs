import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { isExecutable, projectNode, root, withoutPackageBinaries } from "./paths.mjs";
import { progress, SetupError } from "./report.mjs";

/**
 * @typedef {{ version?: string, optional?: boolean, devOptional?: boolean, peer?: boolean }} LockedPackage
 */

/** Installs the packages of the lock file, unless exactly those are installed already. */
export function installPackages() {
  if (isExecutable(projectNode) && missingPackage() === null) return;
  progress("installing the npm packages of package-lock.json …");
  npm(["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"]);
  const missing = missingPackage();
  if (missing !== null) throw new SetupError(`npm ci ended well, but ${missing} is not installed.`);
  if (isExecutable(projectNode)) return;
  // The package "node" downloads its program in an install script, which npm may have skipped silently.
  progress("fetching the project's Node …");
  npm(["rebuild", "node", "--foreground-scripts"]);
  if (isExecutable(projectNode)) return;
  throw new SetupError(
    `${projectNode} is missing. Allow install scripts (npm config set ignore-scripts false), then run the same command again.`,
  );
}

/** @param {string[]} args */
function npm(args) {
  const [command, ...script] = npmCommand();
  const { error, status } = spawnSync(command, [...script, ...args], {
    cwd: root,
    env: npmEnvironment(),
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (error) throw new SetupError(`npm could not be started (${error.message}). Install npm 10 or newer.`);
  if (status !== 0) {
    throw new SetupError(
      `npm ${args[0]} failed; see its message above. Fix that, then run the same command again.`,
    );
  }
}

/** The first package of the lock file that is missing in npm's record of its last installation; null if none is. */
function missingPackage() {
  const installed = readPackages(join(root, "node_modules", ".package-lock.json"));
  const locked = Object.entries(readPackages(join(root, "package-lock.json")));
  const missing = locked.find(
    ([path, entry]) => path !== "" && !mayBeAbsent(entry) && installed[path]?.version !== entry.version,
  );
  return missing?.[0] ?? null;
}

/**
 * npm skips packages for other platforms.
 * @param {LockedPackage} locked
 */
const mayBeAbsent = (locked) => Boolean(locked.optional || locked.devOptional || locked.peer);

/**
 * @param {string} lockFile
 * @returns {Record<string, LockedPackage>}
 */
function readPackages(lockFile) {
  try {
    return JSON.parse(readFileSync(lockFile, "utf8")).packages ?? {};
  } catch {
    return {};
  }
}

/**
 * The npm that started this process, if the installation does not replace the Node that it runs on.
 * @returns {[string, ...string[]]}
 */
function npmCommand() {
  const { npm_execpath: script = "", npm_node_execpath: node = "" } = process.env;
  const isNpm = script.endsWith("npm-cli.js") && existsSync(script);
  const outlivesInstallation = existsSync(node) && !node.startsWith(join(root, "node_modules") + sep);
  return isNpm && outlivesInstallation ? [node, script] : ["npm"];
}

/** The variables that an outer npm sets for its scripts would mislead the inner one. */
function npmEnvironment() {
  const ofOuterNpm =
    /^(npm_(lifecycle|package)_|npm_config_(local_prefix|global|workspace)|npm_command|INIT_CWD)/;
  const kept = Object.entries(process.env).filter(([name]) => !ofOuterNpm.test(name));
  return { ...Object.fromEntries(kept), PATH: withoutPackageBinaries(process.env.PATH) };
}
