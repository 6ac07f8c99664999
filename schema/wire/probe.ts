import { z } from "zod";
import { Metadata, StreamFacts } from "../api/probe.ts";
import { JOB_ERROR_CODES } from "../errors.ts";
import { MediaPlan } from "../media.ts";
import { Version } from "./version.ts";

/**
 * Worker → processor: `POST /probe`; bearer `PROCESSOR_TOKEN`. It takes no slot of a run. Without room the answer is
 * 503 with `Retry-After`, and 504 when the source did not answer in time.
 */
export const ProbeRequest = z.discriminatedUnion("kind", [
  z.object({ v: Version, kind: z.literal("metadata"), url: z.string() }),
  /** Also tells which streams a job with this plan would take. */
  z.object({ v: Version, kind: z.literal("plan"), url: z.string(), plan: MediaPlan }),
]);
export type ProbeRequest = z.infer<typeof ProbeRequest>;

/** 200 of `POST /probe`; a source that refuses is an answer, too. */
export const ProbeOutcome = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("found"),
    media: Metadata,
    /** The streams that the plan takes, or the best ones; empty for a stream that has not begun. */
    streams: z.array(StreamFacts),
    /** Bytes of the result; null where nobody can tell. */
    estimated_size: z.int().min(0).nullable(),
  }),
  z.object({
    type: z.literal("failed"),
    code: z.enum(JOB_ERROR_CODES),
    retry_after_ms: z.int().min(0).nullable(),
  }),
]);
export type ProbeOutcome = z.infer<typeof ProbeOutcome>;

export const ProbeAnswer = z.object({ v: Version, outcome: ProbeOutcome });
export type ProbeAnswer = z.infer<typeof ProbeAnswer>;
