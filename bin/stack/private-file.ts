import { renameSync, writeFileSync } from "node:fs";

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
