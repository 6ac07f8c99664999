import type { ReadinessCheck } from "../../../schema/readiness-check.ts";

/** Storages refuse signatures that are 5 to 15 minutes off. A minute is already visible in the times of jobs. */
const WARN_MS = 60_000;
const FAIL_MS = 5 * 60_000;

/**
 * Compares a processor's clock with the Worker's. All times are epoch milliseconds.
 *
 * @param time the processor's clock at some moment between `asked` and `answered` of the Worker's clock
 * @example checkClock(400_000, 0, 20) // { name: "clock", status: "failed", … }
 */
export function checkClock(time: number, asked: number, answered: number): ReadinessCheck {
  const skewMs = Math.max(0, asked - time, time - answered);
  const seconds = Math.round(skewMs / 1000);
  if (skewMs < WARN_MS)
    return { name: "clock", status: "ok", detail: "the processor's clock is the Worker's" };
  const consequence =
    skewMs < FAIL_MS ? "times of jobs are wrong" : "storages refuse what the processor signs";
  return {
    name: "clock",
    status: skewMs < FAIL_MS ? "warning" : "failed",
    detail: `the processor's clock is ${seconds} s ${time < asked ? "behind" : "ahead"}: ${consequence}`,
    advice: "Set the clock of the processor's machine by NTP",
  };
}
