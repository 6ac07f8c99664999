import { cancelRun, readHealth, sendList, sendProbe, startRun } from "./processor-http.ts";
import type { Runner } from "./runner.ts";

interface HttpRunnerOptions {
  /** Base URL of the processor. */
  readonly url: string;
  readonly token: string;
  readonly fetch: typeof fetch;
}

const START_TIMEOUT_MS = 15_000;
/** The processor gives up on a source before this. */
const PROBE_TIMEOUT_MS = 25_000;

/** A processor that somebody else keeps running, reached over plain HTTP. */
export function createHttpRunner({ url, token, fetch }: HttpRunnerOptions): Runner {
  const name = new URL(url).host;
  const send = (path: string, init: RequestInit) => fetch(url + path, init);
  return {
    preferred: () => name,
    start: (run) => startRun(send, token, name, run, START_TIMEOUT_MS),
    cancel: (jobId) => cancelRun(send, token, jobId),
    probe: (request) => sendProbe(send, token, request, PROBE_TIMEOUT_MS),
    list: (request, signal) => sendList(send, token, request, signal),
    health: () => readHealth(send),
    keepAwake: async () => {},
  };
}
