import { z } from "zod";

/**
 * Two versions of yt-dlp side by side: the one that the operator installed (`pinned`) and a newer one on trial
 * (`candidate`). The Worker decides by site which of them a run tries first; the processor tries the other one when the
 * first fails in a way that may be its own fault.
 */
export const YTDLP_ROLES = ["pinned", "candidate"] as const;
export type YtdlpRole = (typeof YTDLP_ROLES)[number];

/** A version as yt-dlp prints it. @example "2026.11.23" */
const Version = z.string().min(1).max(60);

/** How a run uses a candidate; absent: after the pinned version failed. It is meant for one site. */
export const YtdlpPolicy = z.object({
  /** Candidates that come first. */
  first: z.array(Version).max(20),
  /** Candidates that are never first. */
  last: z.array(Version).max(20),
  /** A candidate that is in neither list comes first in this run. */
  canary: z.boolean(),
});
export type YtdlpPolicy = z.output<typeof YtdlpPolicy>;

/**
 * How a run fared with each version that it tried, in this order: `served`, or the code of a failure that may be the
 * version's own fault. Other failures, such as a refusal, say nothing about a version and are left out.
 */
export const YtdlpReport = z.object({
  /** The candidate that the processor has, tried or not. */
  candidate: Version,
  results: z.array(z.object({ role: z.enum(YTDLP_ROLES), result: z.string().max(40) })).max(20),
});
export type YtdlpReport = z.output<typeof YtdlpReport>;

/** How far a candidate has come at a site. */
export const TRIAL_STATES = ["trial", "promoted", "rolled_back"] as const;
export type TrialState = (typeof TRIAL_STATES)[number];
