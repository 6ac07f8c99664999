import { cancelRun, readHealth, startRun } from "./processor-http.ts";
import type { Runner } from "./runner.ts";

interface HttpRunnerOptions {
  /** Base URL of the processor. */
  readonly url: string;
  readonly token: string;
  readonly fetch: typeof fetch;
}

const START_TIMEOUT_MS = 15_000;

/** A processor that somebody else keeps running, reached over plain HTTP. */
export function createHttpRunner({ url, token, fetch }: HttpRunnerOptions): Runner {
  const name = new URL(url).host;
  const send = (path: string, init: RequestInit) => fetch(url + path, init);
  return {
    preferred: () => name,
    start: (run) => startRun(send, token, name, run, START_TIMEOUT_MS),
    cancel: (jobId) => cancelRun(send, token, jobId),
    health: () => readHealth(send),
    keepAwake: async () => {},
  };
}
