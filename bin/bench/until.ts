import { setTimeout as sleep } from "node:timers/promises";

/**
 * Asks again and again until the response is yes.
 *
 * @throws Error when the response is still no after `timeoutMs`; what the question throws
 */
export async function until(
  question: () => Promise<boolean>,
  timeoutMs: number,
  everyMs = 20,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await question())) {
    if (performance.now() > deadline) throw new Error(`Nothing happened within ${timeoutMs / 1000} s`);
    await sleep(everyMs);
  }
}
