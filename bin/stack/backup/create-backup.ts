import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { StackError } from "../errors.ts";
import { copyFiles, filesBelow } from "./copy-files.ts";
import { MANIFEST_FILE, type Manifest, PLATFORM_FOLDER, SECRETS_FILE } from "./manifest.ts";

/** The database of jobs is copied first: whatever file it knows is then in the bucket, which is copied last. */
const ORDER = [/miniflare-D1DatabaseObject\//, /(?!)/, /(^|\/)r2\//] as const;
const BETWEEN = 1;

/** How long SQLite waits for the running platform, in milliseconds. */
const BUSY_MS = 30_000;
/** How often the bucket is copied again because files were replaced in the meantime. */
const TRIES = 5;

export interface BackupFacts {
  readonly folder: string;
  readonly files: number;
  readonly databases: number;
}

/**
 * Copies a state into a new folder: databases, files of the embedded bucket, secrets. The installation may run: each
 * database is copied as it is at one moment. The folder appears when it is complete.
 *
 * @throws StackError when there is no state, or the folder is not empty
 */
export async function createBackup(stateDir: string, folder: string): Promise<BackupFacts> {
  const source = join(stateDir, PLATFORM_FOLDER);
  if (!existsSync(source)) throw new StackError(`${stateDir} holds no state of Waterspout.`);
  const target = resolve(folder);
  if (existsSync(target) && readdirSync(target).length > 0) {
    throw new StackError(`${target} is not empty. Name a new folder for each backup.`);
  }
  const draft = `${target}.partial`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true, mode: 0o700 });
  try {
    const copy = join(draft, PLATFORM_FOLDER);
    const facts = await copyPlatform(source, copy);
    copyFileSync(join(stateDir, SECRETS_FILE), join(draft, SECRETS_FILE));
    const manifest: Manifest = {
      format: "waterspout-backup",
      v: 1,
      created_at: new Date().toISOString(),
      migrations: await migrationsOf(copy),
    };
    writeFileSync(join(draft, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600 });
    rmSync(target, { recursive: true, force: true });
    renameSync(draft, target);
    return { folder: target, ...facts };
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    throw error;
  }
}

async function copyPlatform(source: string, copy: string): Promise<Omit<BackupFacts, "folder">> {
  const { databases } = filesBelow(source);
  const rankOf = (path: string) => {
    const rank = ORDER.findIndex((pattern) => pattern.test(path));
    return rank < 0 ? BETWEEN : rank;
  };
  const inOrder = databases.toSorted((a, b) => rankOf(a) - rankOf(b));
  const ofBucket = inOrder.filter((path) => rankOf(path) > BETWEEN);
  for (const path of inOrder.filter((each) => !ofBucket.includes(each)))
    await copyDatabase(source, copy, path);
  for (let tries = 1; ; tries++) {
    copyFiles(source, copy, filesBelow(source).others, true);
    for (const path of ofBucket) await copyDatabase(source, copy, path);
    copyFiles(source, copy, filesBelow(source).others, true);
    const missing = await missingBlobs(copy, ofBucket);
    if (missing.length === 0) break;
    if (tries === TRIES) throw new StackError(`Files of the bucket are missing, such as ${missing[0]}.`);
  }
  return { files: filesBelow(copy).others.length, databases: inOrder.length };
}

/** as it is at one moment, even while the platform writes to it. */
async function copyDatabase(source: string, copy: string, path: string): Promise<void> {
  const [from, to] = [join(source, path), join(copy, path)];
  mkdirSync(dirname(to), { recursive: true, mode: 0o700 });
  rmSync(to, { force: true });
  await withDatabase(from, (database) => database.prepare("VACUUM INTO ?").run(to));
}

/** Ids of the bucket's files that its database names and the copy lacks. */
async function missingBlobs(copy: string, databases: readonly string[]): Promise<string[]> {
  const present = new Set(filesBelow(copy).others.map((path) => path.slice(path.lastIndexOf("/") + 1)));
  const missing: string[] = [];
  for (const path of databases) {
    await withDatabase(join(copy, path), (database) => {
      for (const table of ["_mf_objects", "_mf_multipart_parts"]) {
        if (!hasTable(database, table)) continue;
        const rows = database.prepare(`SELECT blob_id FROM ${table} WHERE blob_id IS NOT NULL`).all();
        missing.push(...rows.map(({ blob_id }) => String(blob_id)).filter((id) => !present.has(id)));
      }
    });
  }
  return missing;
}

async function migrationsOf(copy: string): Promise<string[]> {
  const names: string[] = [];
  for (const path of filesBelow(copy).databases) {
    await withDatabase(join(copy, path), (database) => {
      if (!hasTable(database, "d1_migrations")) return;
      const rows = database.prepare("SELECT name FROM d1_migrations ORDER BY id").all();
      names.push(...rows.map(({ name }) => String(name)));
    });
  }
  return names;
}

const hasTable = (database: DatabaseSync, name: string): boolean =>
  database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get(name) !== undefined;

async function withDatabase(path: string, work: (database: DatabaseSync) => void): Promise<void> {
  // the published command runs on versions of Node that lack it
  const { DatabaseSync: Database } = await import("node:sqlite");
  const database = new Database(path, { readOnly: true, timeout: BUSY_MS });
  try {
    work(database);
  } finally {
    database.close();
  }
}
