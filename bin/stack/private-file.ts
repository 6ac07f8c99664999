import { chmodSync, lstatSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Writes a file that only its owner may read. A reader sees the old content or the new one, never a part.
 *
 * @param path absolute path of the file
 */
export function writePrivateFile(path: string, content: string): void {
  const draft = `${path}.${process.pid}.new`;
  writeFileSync(draft, content, { mode: 0o600 });
  renameSync(draft, path);
}

/** Permissions of the group and of all others. */
const OTHERS = 0o077;

/**
 * Makes a folder and everything in it private to its owner. This costs little if it was done before: the folder itself
 * comes last, so it shows whether everything was.
 */
export function closeToOthers(folder: string): void {
  const entries = readdirSync(folder).map((name) => join(folder, name));
  const open = [folder, ...entries].filter((path) => (lstatSync(path).mode & OTHERS) !== 0);
  if (open.length === 0) return;
  for (const path of entries) closeTree(path);
  chmodSync(folder, 0o700);
}

function closeTree(path: string): void {
  const facts = lstatSync(path);
  if (facts.isDirectory()) for (const name of readdirSync(path)) closeTree(join(path, name));
  if (facts.isDirectory() || facts.isFile()) chmodSync(path, facts.mode & ~OTHERS);
}
