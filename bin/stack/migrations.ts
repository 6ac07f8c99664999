import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { startChild } from "./child.ts";
import { StackError } from "./errors.ts";
import { logTail } from "./log-tail.ts";
import { inRoot, root } from "./paths.ts";
import { writePrivateFile } from "./private-file.ts";

const MIGRATIONS = inRoot("schema", "db", "migrations");
const PROGRAM = join(import.meta.dirname, "platform", "migrate.ts");

/** The SQL files that create the database: absolute paths, in order. */
export const migrationFiles = (): string[] =>
  readdirSync(MIGRATIONS)
    .filter((name) => name.endsWith(".sql"))
    .sort()
    .map((name) => `${MIGRATIONS}/${name}`);

export interface MigrationOptions {
  /** Describes the platform, see `PlatformFile`. */
  readonly platformFile: string;
  /** Records which files have been applied. */
  readonly stamp: string;
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
}

/**
 * Brings the database of the state folder up to date. Does nothing if no migration was added since the last start.
 *
 * @throws StackError with the database's message
 */
export async function applyMigrations({
  platformFile,
  stamp,
  env,
  logFile,
}: MigrationOptions): Promise<void> {
  const wanted = fingerprint();
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  const child = startChild({
    command: process.execPath,
    args: [PROGRAM, platformFile],
    cwd: root,
    env,
    logFile,
  });
  const { inOrder } = await child.ended;
  if (!inOrder) throw new StackError(`The database's migrations could not be applied:\n${logTail(logFile)}`);
  writePrivateFile(stamp, wanted);
}

/** Changes with every migration. */
function fingerprint(): string {
  const hash = createHash("sha256");
  for (const file of migrationFiles())
    hash.update(`${file.slice(MIGRATIONS.length + 1)}\n`).update(readFileSync(file));
  return hash.digest("hex");
}
