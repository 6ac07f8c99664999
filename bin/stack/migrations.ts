import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { StackError } from "./errors.ts";
import { inRoot, root } from "./paths.ts";
import { platformFolder, WRANGLER } from "./wrangler.ts";

const MIGRATIONS = inRoot("schema", "db", "migrations");
/** Name of the D1 binding in wrangler.toml. */
const DATABASE = "DB";

/**
 * Brings the database of the state folder up to date. Costs nothing when the migrations are those of the last time.
 *
 * @throws StackError with wrangler's words
 */
export async function applyMigrations(
  state: { readonly path: string; file(name: string): string },
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const stamp = state.file("migrated");
  const wanted = fingerprint();
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  const args = ["d1", "migrations", "apply", DATABASE, "--local", "--persist-to", platformFolder(state.path)];
  try {
    await promisify(execFile)(process.execPath, [WRANGLER, ...args], { cwd: root, env });
  } catch (error) {
    const { stderr = "", stdout = "" } = error as { stderr?: string; stdout?: string };
    throw new StackError(`The database's migrations could not be applied:\n${stdout}${stderr}`);
  }
  writeFileSync(stamp, wanted);
}

/** Changes with every migration. */
function fingerprint(): string {
  const hash = createHash("sha256");
  for (const name of readdirSync(MIGRATIONS)
    .filter((file) => file.endsWith(".sql"))
    .sort()) {
    hash.update(`${name}\n`).update(readFileSync(`${MIGRATIONS}/${name}`));
  }
  return hash.digest("hex");
}
