import { constants, copyFileSync, existsSync, linkSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/** Files of a database that hold its most recent changes; SQLite itself reads them. */
const IS_JOURNAL = /\.sqlite-(wal|shm|journal)$/;
const IS_DATABASE = /\.sqlite$/;
/** What the platform can do without. */
const IS_CACHE = /(^|\/)cache\//;

/** The databases and the other files below a folder, as paths relative to it. */
export function filesBelow(folder: string): { readonly databases: string[]; readonly others: string[] } {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((path) => !IS_CACHE.test(path) && !IS_JOURNAL.test(path))
    .sort();
  return {
    databases: files.filter((path) => IS_DATABASE.test(path)),
    others: files.filter((path) => !IS_DATABASE.test(path)),
  };
}

/**
 * Copies files that are never changed, only made and removed. What is there already stays; what is gone meanwhile is left
 * out.
 *
 * @param share within one file system, both places share the bytes
 */
export function copyFiles(from: string, to: string, paths: readonly string[], share: boolean): void {
  for (const path of paths) {
    const target = join(to, path);
    if (existsSync(target)) continue;
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
    try {
      copyOne(join(from, path), target, share);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
}

function copyOne(from: string, to: string, share: boolean): void {
  if (share) {
    try {
      linkSync(from, to);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") throw error;
    }
  }
  copyFileSync(from, to, constants.COPYFILE_FICLONE);
}
