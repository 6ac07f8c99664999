import { setTimeout as sleep } from "node:timers/promises";
import { StackError } from "./errors.ts";

/** How long the parts may take to start, in milliseconds. */
const LIMIT = 60_000;
const BETWEEN_LOOKS = 50;
const ONE_LOOK = 5_000;

/**
 * Resolves when `GET /readyz` responds with 200.
 *
 * @throws StackError that names what is not ready, after a minute
 */
export async function waitUntilReady(url: string, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + LIMIT;
  let last = "it does not answer";
  while (Date.now() < deadline) {
    signal.throwIfAborted();
    try {
      const response = await fetch(`${url}/readyz`, {
        signal: AbortSignal.any([signal, AbortSignal.timeout(ONE_LOOK)]),
      });
      const body = await response.text();
      if (response.ok) return;
      last = body;
    } catch {
      signal.throwIfAborted();
    }
    await sleep(BETWEEN_LOOKS);
  }
  throw new StackError(`The stack is not ready after ${LIMIT / 1000} s: ${last}`);
}
