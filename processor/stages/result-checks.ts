import { type MediaPlan, reachesResolution, resolutionOf } from "../../schema/media.ts";
import type { RunContext } from "../dependencies.ts";
import { ServiceFault, SourceFault } from "../fault.ts";
import type { IndexFacts } from "../media/isobmff/facts.ts";

/** What a result is checked against before it becomes visible. */

/** A result may be this much shorter than announced: announcements are rounded, and streams differ in duration. */
const MISSING_SECONDS = 2;
const MISSING_SHARE = 0.05;
/** A result may be longer than its source says by this much, in seconds: tracks do not end together. */
const LENGTH_SLACK_SECONDS = 1;

/**
 * @param expectedSeconds as announced; null if unknown
 * @throws Fault `truncated`, `limit_exceeded`
 */
export function checkResult(context: RunContext, facts: IndexFacts, expectedSeconds: number | null): void {
  const actual = facts.durationSeconds;
  // a muxer exits successfully on a source that broke off: the result's own duration shows it
  const missing = expectedSeconds === null || actual === undefined ? 0 : expectedSeconds - actual;
  if (missing > MISSING_SECONDS && missing > (expectedSeconds ?? 0) * MISSING_SHARE) {
    throw new SourceFault("truncated", `the result has ${actual} s of the announced ${expectedSeconds} s`);
  }
  checkLength(context, actual ?? 0);
  checkDemands(context.request.plan, facts);
}

/**
 * A caller may insist on a resolution, which sources do not always report beforehand.
 *
 * @throws Fault `no_format`
 */
export function checkDemands(plan: MediaPlan, { video }: IndexFacts): void {
  const { min_resolution: least, resolution: exact } = plan;
  if (!video || (!least && !exact)) return;
  const { width, height } = video;
  if (exact && resolutionOf(width, height) !== exact) {
    throw new SourceFault("no_format", `the video has ${width}x${height}, not resolution ${exact}`);
  }
  if (least && !reachesResolution(width, height, least)) {
    throw new SourceFault("no_format", `the video has ${width}x${height}, less than min_resolution ${least}`);
  }
}

/**
 * Matters if a source reports no duration, or a wrong one.
 *
 * @throws Fault `limit_exceeded`
 */
export function checkLength({ request }: RunContext, seconds: number): void {
  const limit = request.limits.max_duration_seconds;
  if (limit !== null && seconds > limit + LENGTH_SLACK_SECONDS) {
    throw new ServiceFault("limit_exceeded", `the result is longer than ${limit} s`);
  }
}

/** The most bytes that the result may have. */
export const sizeLimit = ({ config, request }: RunContext): number =>
  Math.min(config.maxFilesizeBytes, request.limits.max_filesize_bytes ?? Number.POSITIVE_INFINITY);

/** @throws Fault `limit_exceeded` */
export function checkSize(context: RunContext, bytes: number): void {
  const limit = sizeLimit(context);
  if (bytes > limit) throw new ServiceFault("limit_exceeded", `the result exceeds ${limit} bytes`);
}
