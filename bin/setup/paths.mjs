import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the repository, absolute. */
export const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/[/\\]$/, "");

/** Executables of the installed packages. */
const packageBinaries = join(root, "node_modules", ".bin");

/** The Node version that the project is built for, installed with the packages. */
export const projectNode = join(root, "node_modules", "node", "bin", "node");

/**
 * The PATH with the packages' executables first.
 * @param {string | undefined} path
 */
export const withPackageBinaries = (path) => [packageBinaries, ...foldersOf(path)].join(delimiter);

/**
 * The PATH without the folders that an installation is about to replace.
 * @param {string | undefined} path
 */
export const withoutPackageBinaries = (path) => foldersOf(path).join(delimiter);

/**
 * @param {string | undefined} path
 * @returns {string[]}
 */
const foldersOf = (path) =>
  (path ?? "").split(delimiter).filter((folder) => folder !== "" && folder !== packageBinaries);

/**
 * The path of a program on the PATH; null if it is not there.
 * @param {string} name
 */
export function findOnPath(name) {
  const candidates = foldersOf(process.env.PATH).map((folder) => join(folder, name));
  return candidates.find(isExecutable) ?? null;
}

/**
 * True for a file that this user may run.
 * @param {string} path
 */
export function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
