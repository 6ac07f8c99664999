import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { type Environment, pick } from "./environment.ts";
import { StackError } from "./errors.ts";
import { writePrivateFile } from "./private-file.ts";

/** What the stack generates at its first start, and keeps. */
export interface Secrets {
  readonly ADMIN_TOKEN: string;
  readonly PROCESSOR_TOKEN: string;
  /** Without it, stored credentials of unfinished jobs and of accounts can never be read again. */
  readonly SEALING_KEYS: string;
  /** Access key of the embedded bucket; with its secret, every file in it can be read and written. */
  readonly BUCKET_KEY_ID: string;
  readonly BUCKET_SECRET: string;
  /** The local account's key, once there is one. */
  readonly api_key?: string;
}

const newToken = () => randomBytes(24).toString("base64url");
const newSealingKey = () => `local:${randomBytes(32).toString("base64")}`;

/**
 * Reads the secrets; missing ones are generated and kept. Only the owner may read the file.
 *
 * @throws StackError if the file is damaged
 */
export function loadSecrets(file: string): Secrets {
  const kept = existsSync(file) ? readSecrets(file) : {};
  const made = {
    ADMIN_TOKEN: newToken(),
    PROCESSOR_TOKEN: newToken(),
    SEALING_KEYS: newSealingKey(),
    BUCKET_KEY_ID: newToken(),
    BUCKET_SECRET: newToken(),
  };
  const secrets = { ...made, ...kept };
  saveSecrets(file, secrets);
  return secrets;
}

/** The secrets of this start: environment variables take precedence over stored ones. */
export const withOwnSecrets = (kept: Secrets, env: Environment): Secrets => ({
  ...kept,
  ...pick(env, ["ADMIN_TOKEN", "PROCESSOR_TOKEN", "SEALING_KEYS"]),
});

/** Replaces the file. */
export function saveSecrets(file: string, secrets: Secrets): void {
  writePrivateFile(file, `${JSON.stringify(secrets, null, 2)}\n`);
}

function readSecrets(file: string): Partial<Secrets> {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Partial<Secrets>;
  } catch {
    throw new StackError(`${file} is damaged. Put back a copy, or remove it to have new secrets made.`);
  }
}
