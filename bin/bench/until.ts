import { setTimeout as sleep } from "node:timers/promises";

/**
 * Polls until the result is true.
 *
 * @throws Error if it is still false after `timeoutMs`; errors of the check are passed on
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
