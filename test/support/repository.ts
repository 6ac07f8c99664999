import { execFileSync } from "node:child_process";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..");

/** A path inside the repository. */
export const inRepository = (...parts: string[]): string => join(root, ...parts);

/** Every file that git tracks, relative to the repository's folder, with forward slashes. */
export function trackedFiles(): string[] {
  return execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" })
    .split("\0")
    .filter((name) => name !== "");
}
