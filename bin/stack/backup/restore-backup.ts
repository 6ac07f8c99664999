import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { StackError } from "../errors.ts";
import { migrationFiles } from "../migrations.ts";
import { closeToOthers } from "../private-file.ts";
import { ownerOf } from "../state-folder.ts";
import { copyFiles, filesBelow } from "./copy-files.ts";
import { type Manifest, PLATFORM_FOLDER, readManifest, SECRETS_FILE } from "./manifest.ts";

/** Says which migrations the database has seen, so that a start need not ask. */
const STAMP = "migrated";

export interface RestoreFacts {
  readonly manifest: Manifest;
  /** Where the former state is now; null if there was none. */
  readonly former: string | null;
}

/**
 * Puts a backup into a state folder. The next start brings its database up to date.
 *
 * @param force replaces a state that is there; it is moved aside
 * @throws StackError when a stack runs on the state, when it is not empty, or when a newer version made the backup
 */
export function restoreBackup(folder: string, stateDir: string, force: boolean): RestoreFacts {
  const manifest = readManifest(folder);
  const known = new Set(migrationFiles().map((path) => basename(path)));
  const unknown = manifest.migrations.find((name) => !known.has(name));
  if (unknown !== undefined) {
    throw new StackError(`A newer version made this backup: ${unknown} is not known here. Upgrade first.`);
  }
  const owner = ownerOf(stateDir);
  if (owner !== null) {
    throw new StackError(`A stack is running on ${stateDir} (process ${owner.pid}). Stop it first.`);
  }
  const parts = [PLATFORM_FOLDER, SECRETS_FILE];
  const present = parts.filter((part) => existsSync(join(stateDir, part)));
  if (present.length > 0 && !force) {
    throw new StackError(
      `${stateDir} holds a state already. Name another folder (--state), or use --force to move it aside.`,
    );
  }
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const draft = join(stateDir, "restoring");
  rmSync(draft, { recursive: true, force: true });
  const { databases, others } = filesBelow(join(folder, PLATFORM_FOLDER));
  mkdirSync(draft, { mode: 0o700 });
  copyFiles(join(folder, PLATFORM_FOLDER), join(draft, PLATFORM_FOLDER), [...databases, ...others], false);
  copyFileSync(join(folder, SECRETS_FILE), join(draft, SECRETS_FILE));
  closeToOthers(draft);

  const former = present.length === 0 ? null : join(stateDir, `replaced-${Date.now()}`);
  if (former !== null) {
    mkdirSync(former, { mode: 0o700 });
    for (const part of present) renameSync(join(stateDir, part), join(former, part));
  }
  for (const part of parts) renameSync(join(draft, part), join(stateDir, part));
  rmSync(join(stateDir, STAMP), { force: true });
  rmSync(draft, { recursive: true });
  return { manifest, former };
}
