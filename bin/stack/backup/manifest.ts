import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { StackError } from "../errors.ts";

/** What a backup says about itself. */
const Manifest = z.object({
  format: z.literal("waterspout-backup"),
  /** Raised when a former restore could not read it. */
  v: z.literal(1),
  created_at: z.string(),
  /** Names of the migrations that its database has seen. */
  migrations: z.array(z.string()),
});
export type Manifest = z.infer<typeof Manifest>;

export const MANIFEST_FILE = "backup.json";

/** Folder of a backup, and of a state, that holds databases and files. */
export const PLATFORM_FOLDER = "platform";
export const SECRETS_FILE = "secrets.json";

/** @throws StackError when the folder holds no backup that this version knows */
export function readManifest(folder: string): Manifest {
  let text: string;
  try {
    text = readFileSync(join(folder, MANIFEST_FILE), "utf8");
  } catch {
    throw new StackError(`${folder} holds no backup: there is no ${MANIFEST_FILE} in it.`);
  }
  try {
    return Manifest.parse(JSON.parse(text));
  } catch {
    throw new StackError(`${folder} holds a backup that this version of Waterspout does not know.`);
  }
}
