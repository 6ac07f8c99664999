import { cpSync, readdirSync, rmSync } from "node:fs";
import { inRoot } from "../stack/paths.ts";
import { succeeds } from "./check.ts";

const DRAFT = ".cache/migrations-check";

/** True if the migrations match the tables; checked on a copy of the migrations. */
export async function migrationsAreUpToDate(): Promise<boolean> {
  const [written, draft] = [inRoot("schema", "db", "migrations"), inRoot(DRAFT)];
  rmSync(draft, { recursive: true, force: true });
  cpSync(written, draft, { recursive: true });
  const args = ["generate", "--dialect", "sqlite", "--schema", "./schema/db/tables", "--out", DRAFT];
  if (!(await succeeds("drizzle-kit", args))) return false;
  const added = readdirSync(draft).filter((name) => !readdirSync(written).includes(name));
  if (added.length === 0) return true;
  console.error(`The tables were changed without a migration (${added.join(", ")}); run npm run migrations`);
  return false;
}
