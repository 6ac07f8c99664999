import { z } from "zod";
import { Metadata, StreamFacts } from "../api/probe.ts";
import { JOB_ERROR_CODES } from "../errors.ts";
import { Adjustment, MediaPlan } from "../media.ts";
import { Version } from "./version.ts";

/** What is asked about one media item. */
export const MediaProbeRequest = z.discriminatedUnion("kind", [
  z.object({ v: Version, kind: z.literal("metadata"), url: z.string() }),
  /** Also says which streams a job with this plan would take. */
  z.object({ v: Version, kind: z.literal("plan"), url: z.string(), plan: MediaPlan }),
]);
export type MediaProbeRequest = z.infer<typeof MediaProbeRequest>;

/** Asks for the entries of a list; a media item is a list of one. A processor of the former version answers 400. */
export const ListRequest = z.object({
  v: Version,
  kind: z.literal("list"),
  url: z.string(),
  /** After this the list counts as not reported. */
  timeout_ms: z.int().min(1),
  /** Entries after these are not reported. */
  max_entries: z.int().min(1),
});
export type ListRequest = z.infer<typeof ListRequest>;

/**
 * Worker → processor: `POST /probe`; bearer `PROCESSOR_TOKEN`. It takes no slot of a run. Without room the response is
 * 503 with `Retry-After`, and 504 when the source did not answer in time.
 */
export const ProbeRequest = z.discriminatedUnion("kind", [...MediaProbeRequest.options, ListRequest]);
export type ProbeRequest = z.infer<typeof ProbeRequest>;

/** 200 of a {@link MediaProbeRequest}; a source that refuses is a response, too. */
export const ProbeOutcome = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("found"),
    media: Metadata,
    /** The streams that the plan takes, or the best ones; empty for a stream that has not begun. */
    streams: z.array(StreamFacts),
    /** Bytes of the result; null if unknown. */
    estimated_size: z.int().min(0).nullable(),
    /** Of the audio that the plan takes; null where the source names none. */
    audio_language: z.string().nullable().default(null),
    /** Languages of the source's audio, the original first. */
    audio_languages: z.array(z.string()).default([]),
    /** What of the plan the source cannot fulfil. */
    adjustments: z.array(Adjustment).default([]),
  }),
  z.object({
    type: z.literal("failed"),
    code: z.enum(JOB_ERROR_CODES),
    retry_after_ms: z.int().min(0).nullable(),
  }),
]);
export type ProbeOutcome = z.infer<typeof ProbeOutcome>;

export const ProbeResponse = z.object({ v: Version, outcome: ProbeOutcome });
export type ProbeResponse = z.infer<typeof ProbeResponse>;

/** One item of a list, as the source names it; nothing of it was looked at. */
export const WireEntry = z.object({
  type: z.literal("entry"),
  url: z.string().nullable(),
  id: z.string().nullable(),
  title: z.string().max(1000).nullable(),
  description: z.string().max(1000).nullable(),
  /** ISO 8601 date. */
  release_date: z.string().nullable(),
  /** What the list says of it is better than what its media says, as in feeds. */
  authoritative: z.boolean().default(false),
  /** Only its owner may see it, or it is gone. */
  unavailable: z.boolean(),
});
export type WireEntry = z.infer<typeof WireEntry>;

/**
 * A line of the 200 of a {@link ListRequest}, which is NDJSON reported as the source reports it: `list` first, then the
 * entries in the source's order, and one of the other three at the end. Without such an end the list is not whole.
 */
export const ListLine = z.discriminatedUnion("type", [
  z.object({ type: z.literal("list"), v: Version, title: z.string().max(1000).nullable() }),
  WireEntry,
  z.object({ type: z.literal("end") }),
  z.object({
    type: z.literal("failed"),
    code: z.enum(JOB_ERROR_CODES),
    retry_after_ms: z.int().min(0).nullable(),
  }),
  /** The source did not state all of it in time. */
  z.object({ type: z.literal("late") }),
]);
export type ListLine = z.infer<typeof ListLine>;
