import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What `npm start` says about the stack that runs now. */
export interface LocalStack {
  readonly url: string;
  readonly api_key: string;
  readonly admin_token: string;
}

/** @returns null while no stack runs on that state */
export function readLocalStack(stateDir: string): LocalStack | null {
  try {
    return JSON.parse(readFileSync(join(stateDir, "local.json"), "utf8")) as LocalStack;
  } catch {
    return null;
  }
}
