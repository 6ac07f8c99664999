import { rmSync } from "node:fs";
import { writePrivateFile } from "./private-file.ts";

/** How to reach the running stack, for scripts and tests. */
export interface LocalFacts {
  readonly url: string;
  readonly apiKey: string;
  readonly adminToken: string;
  readonly processorUrl: string;
}

/**
 * Writes `local.json`, which exists as long as the stack runs; `pid` is the process that takes SIGTERM.
 *
 * @returns removes it
 */
export function writeLocalFile(file: string, facts: LocalFacts): () => void {
  const content = {
    url: facts.url,
    api_key: facts.apiKey,
    admin_token: facts.adminToken,
    processor_url: facts.processorUrl,
    pid: process.pid,
  };
  writePrivateFile(file, `${JSON.stringify(content, null, 2)}\n`);
  return () => rmSync(file, { force: true });
}
