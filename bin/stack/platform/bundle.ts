import { execFile } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { StackError } from "../errors.ts";
import { inRoot, root } from "../paths.ts";
import { wranglerEnvironment } from "../wrangler.ts";
import type { PlatformBindings } from "./bindings.ts";

/** Name of the file next to the bundle that says what it is bound to. */
export const BINDINGS_FILE = "bindings.json";
/** Name of the folder next to the bundle with the files of its pages. */
export const ASSETS = "assets";
/** The Worker as one module. */
export const BUNDLE_FILE = "index.js";

/** Everything that the bundle is made of. */
const SOURCES = [
  "worker",
  "schema",
  "package.json",
  "package-lock.json",
  "wrangler.toml",
  "bin/stack/platform",
  "bin/assets",
  "bin/docs",
  "bin/readme",
  "docs",
];
/** Bundles of former sources that are kept, for a stack that is just starting with one. */
const KEPT = 2;

export interface WorkerBundle {
  readonly file: string;
  /** Absolute path of the files of its pages. */
  readonly assetsFolder: string;
  readonly bindings: PlatformBindings;
}

/**
 * The Worker as one module, built when its sources are not those of an earlier build.
 *
 * @param env environment of the build
 * @throws StackError with the output of the build
 */
export async function ensureBundle(env: Readonly<Record<string, string>>): Promise<WorkerBundle> {
  const folders = inRoot(".cache", "worker");
  const folder = join(folders, fingerprint());
  if (!existsSync(folder)) {
    mkdirSync(folders, { recursive: true });
    await build(folder, env);
    removeOldest(folders);
  }
  return {
    file: join(folder, BUNDLE_FILE),
    assetsFolder: join(folder, ASSETS),
    bindings: JSON.parse(readFileSync(join(folder, BINDINGS_FILE), "utf8")) as PlatformBindings,
  };
}

async function build(folder: string, env: Readonly<Record<string, string>>): Promise<void> {
  const draft = `${folder}.${randomUUID()}`;
  mkdirSync(draft);
  try {
    const program = join(import.meta.dirname, "build-worker.ts");
    await promisify(execFile)(process.execPath, [program, draft], {
      cwd: root,
      env: { ...env, ...wranglerEnvironment(draft) },
    });
    renameSync(draft, folder);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    // another stack that started at the same moment was quicker
    if (existsSync(folder)) return;
    const { stderr = "", stdout = "", message } = error as Error & { stderr?: string; stdout?: string };
    throw new StackError(`The Worker could not be built:\n${stdout}${stderr || message}`);
  }
}

/** Changes with every source of the bundle. */
function fingerprint(): string {
  const hash = createHash("sha256");
  for (const source of SOURCES.flatMap((name) => filesBelow(inRoot(name)))) {
    hash.update(`${relative(root, source)}\n`).update(readFileSync(source));
  }
  return hash.digest("hex").slice(0, 32);
}

function filesBelow(path: string): string[] {
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function removeOldest(folders: string): void {
  const newestFirst = readdirSync(folders)
    .map((name) => ({ path: join(folders, name), age: statSync(join(folders, name)).mtimeMs }))
    .sort((a, b) => b.age - a.age);
  for (const { path } of newestFirst.slice(KEPT)) rmSync(path, { recursive: true, force: true });
}
