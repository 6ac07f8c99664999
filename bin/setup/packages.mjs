import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { isExecutable, projectNode, root, withoutPackageBinaries } from "./paths.mjs";
import { progress, SetupError } from "./report.mjs";

/**
 * @typedef {{ version?: string, optional?: boolean, devOptional?: boolean, peer?: boolean }} LockedPackage
 */

/** Installs the packages of the lock file, unless exactly those are installed. */
export function installPackages() {
  if (packagesAreInstalled()) return;
  progress("installing the npm packages of package-lock.json …");
  const [command, ...args] = npmCommand();
  const { error, status } = spawnSync(
    command,
    [...args, "ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"],
    {
      cwd: root,
      env: npmEnvironment(),
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  if (error) throw new SetupError(`npm could not be started (${error.message}). Install npm 10 or newer.`);
  if (status !== 0) {
    throw new SetupError(
      "npm ci failed; its message stands above. Mend that, then run the same command again.",
    );
  }
  if (!packagesAreInstalled()) {
    throw new SetupError(
      `npm ci ended well, but ${projectNode} is missing. Allow install scripts (npm config set ignore-scripts false), then run the same command again.`,
    );
  }
}

/** Compares what npm wrote down after its last installation with the lock file. */
function packagesAreInstalled() {
  const record = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(record) || !isExecutable(projectNode)) return false;
  const installed = readPackages(record);
  return Object.entries(readPackages(join(root, "package-lock.json")))
    .filter(([path, locked]) => path !== "" && !mayBeAbsent(locked))
    .every(([path, locked]) => installed[path]?.version === locked.version);
}

/**
 * Packages of other platforms are left out by npm.
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
 * The npm that started us, as long as it runs on a Node that the installation does not replace.
 * @returns {[string, ...string[]]}
 */
function npmCommand() {
  const { npm_execpath: script = "", npm_node_execpath: node = "" } = process.env;
  const isNpm = script.endsWith("npm-cli.js") && existsSync(script);
  const outlivesInstallation = existsSync(node) && !node.startsWith(join(root, "node_modules") + sep);
  return isNpm && outlivesInstallation ? [node, script] : ["npm"];
}

/** What an outer npm tells its scripts about itself would mislead the inner one. */
function npmEnvironment() {
  const ofOuterNpm =
    /^(npm_(lifecycle|package)_|npm_config_(local_prefix|global|workspace)|npm_command|INIT_CWD)/;
  const kept = Object.entries(process.env).filter(([name]) => !ofOuterNpm.test(name));
  return { ...Object.fromEntries(kept), PATH: withoutPackageBinaries(process.env.PATH) };
}
