import { setTimeout as sleep } from "node:timers/promises";

/** Waits until `bytes` more may pass. */
export type Pace = (bytes: number) => Promise<void>;

/** Delays below a timer's precision are accumulated, in milliseconds. */
const SHORTEST_WAIT = 4;

/**
 * A limit in bytes per second, shared by all users. Unused capacity is not saved up.
 *
 * @example const pace = createPace(100e6); await pace(chunk.length);
 */
export function createPace(bytesPerSecond: number): Pace {
  let freeAt = performance.now();
  return async (bytes) => {
    const now = performance.now();
    freeAt = Math.max(freeAt, now - SHORTEST_WAIT) + (1000 * bytes) / bytesPerSecond;
    if (freeAt - now >= SHORTEST_WAIT) await sleep(freeAt - now);
  };
}
