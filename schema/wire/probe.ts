import { z } from "zod";
import { Metadata, StreamFacts } from "../api/probe.ts";
import { JOB_ERROR_CODES } from "../errors.ts";
import { Adjustment, MediaPlan } from "../media.ts";
import { CookieReport, CookieUse } from "./cookies.ts";
import { FailureSubject } from "./failure-subject.ts";
import { SourceIdentity } from "./source-identity.ts";
import { Version } from "./version.ts";
import { YtdlpPolicy } from "./ytdlp-versions.ts";

/** Proxy of the exit that the source is asked through, with credentials; null or absent: the processor's own way. */
const exit = z.object({ name: z.string(), url: z.string().nullable() }).nullish();

/** Which of two versions of yt-dlp comes first. */
const ytdlp = YtdlpPolicy.optional();

/** A question about one media item. */
export const MediaProbeRequest = z.discriminatedUnion("kind", [
  z.object({ v: Version, kind: z.literal("metadata"), url: z.string(), exit, ytdlp, cookies: CookieUse }),
  /** Also asks which streams a job with this plan would use. */
  z.object({
    v: Version,
    kind: z.literal("plan"),
    url: z.string(),
    plan: MediaPlan,
    exit,
    ytdlp,
    cookies: CookieUse,
  }),
]);
export type MediaProbeRequest = z.infer<typeof MediaProbeRequest>;

/** Asks for the entries of a list; a media item is a list of one. A processor of the former version answers 400. */
export const ListRequest = z.object({
  v: Version,
  kind: z.literal("list"),
  url: z.string(),
  exit,
  ytdlp,
  /** Deadline of the listing. */
  timeout_ms: z.int().min(1),
  /** Maximum number of entries. */
  max_entries: z.int().min(1),
  /** Entries at the beginning of the list that are not needed. */
  skip: z.int().min(0).default(0),
  cookies: CookieUse,
});
export type ListRequest = z.infer<typeof ListRequest>;
/** A request as a Worker sends it. */
export type SentListRequest = z.input<typeof ListRequest>;

/**
 * Worker → processor: `POST /probe`; bearer `PROCESSOR_TOKEN`. It takes no slot of a run. Without room the response is
 * 503 with `Retry-After`, and 504 when the source did not answer in time.
 */
export const ProbeRequest = z.discriminatedUnion("kind", [...MediaProbeRequest.options, ListRequest]);
export type ProbeRequest = z.infer<typeof ProbeRequest>;

/** 200 of a {@link MediaProbeRequest}; a refusal of the source is such a response, too. */
export const ProbeOutcome = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("found"),
    media: Metadata,
    /** The streams that the plan uses, or the best ones; empty for a stream that has not begun. */
    streams: z.array(StreamFacts),
    /** Bytes of the result; null if unknown. */
    estimated_size: z.int().min(0).nullable(),
    /** Language of the audio that the plan uses; null if the source names none. */
    audio_language: z.string().nullable().default(null),
    /** Languages of the source's audio, the original first. */
    audio_languages: z.array(z.string()).default([]),
    /** Parts of the plan that the source cannot fulfil. */
    adjustments: z.array(Adjustment).default([]),
    /** Absent from processors of the former version. */
    identity: SourceIdentity.optional(),
    cookies: CookieReport.optional(),
  }),
  z.object({
    type: z.literal("failed"),
    code: z.enum(JOB_ERROR_CODES),
    subject: FailureSubject,
    retry_after_ms: z.int().min(0).nullable(),
    cookies: CookieReport.optional(),
  }),
]);
export type ProbeOutcome = z.infer<typeof ProbeOutcome>;

export const ProbeResponse = z.object({ v: Version, outcome: ProbeOutcome });
export type ProbeResponse = z.infer<typeof ProbeResponse>;

/** One item of a list, as the source describes it; the item itself was not read. */
export const WireEntry = z.object({
  type: z.literal("entry"),
  url: z.string().nullable(),
  id: z.string().nullable(),
  title: z.string().max(1000).nullable(),
  description: z.string().max(1000).nullable(),
  /** ISO 8601 date. */
  release_date: z.string().nullable(),
  /** The list describes the item better than its media does, as in feeds. */
  authoritative: z.boolean().default(false),
  /** Only its owner may see it, or it is gone. */
  unavailable: z.boolean(),
  /** The site whose id it has, as yt-dlp names it; null for generic pages. */
  site: z.string().max(100).nullable().default(null),
  channel: z.string().max(200).nullable().default(null),
  /** Epoch seconds of the publication. */
  timestamp: z.number().nullable().default(null),
  /** Seconds. */
  duration: z.number().nullable().default(null),
  /** A broadcast that is announced, on air or over. */
  live: z.enum(["upcoming", "live", "was_live"]).nullable().default(null),
});
export type WireEntry = z.infer<typeof WireEntry>;

/**
 * A line of the 200 of a {@link ListRequest}, which is NDJSON, streamed as the source is read: `list` first, then the
 * entries in the source's order, and one of the other three at the end. Without such an end the list is incomplete.
 */
export const ListLine = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("list"),
    v: Version,
    title: z.string().max(1000).nullable(),
    /** Entries that were left out at the beginning; a processor of the former version leaves out none. */
    skipped: z.int().min(0).default(0),
  }),
  WireEntry,
  z.object({ type: z.literal("end"), cookies: CookieReport.optional() }),
  z.object({
    type: z.literal("failed"),
    code: z.enum(JOB_ERROR_CODES),
    subject: FailureSubject,
    retry_after_ms: z.int().min(0).nullable(),
    cookies: CookieReport.optional(),
  }),
  /** The deadline passed before the list was complete. */
  z.object({ type: z.literal("late") }),
]);
export type ListLine = z.infer<typeof ListLine>;
