import "../messages.ts";
import { z } from "zod";
import { WebUrl } from "./job-request.ts";

const text = z.string().nullable();
const count = z.int().min(0).nullable();
const pixels = z.int().positive().nullable();

/** `POST /metadata` and `POST /is-short`. */
export const ProbeUrl = z.object({ url: WebUrl }).meta({ id: "ProbeUrl" });
export type ProbeUrl = z.infer<typeof ProbeUrl>;

/** One stream that a source offers, or that a job would take. What the source does not say is null. */
export const StreamFacts = z
  .object({
    format_id: z.string().describe("The source's own name of the stream"),
    extension: text.meta({ example: "mp4" }),
    video_codec: text.describe("Null: none, or not stated").meta({ example: "h264" }),
    audio_codec: text.meta({ example: "aac" }),
    width: pixels,
    height: pixels,
    fps: z.number().positive().nullable(),
    bitrate_kbps: z.number().min(0).nullable(),
    size: count.describe("Bytes, exact or estimated by the source"),
    language: text
      .default(null)
      .describe("BCP 47 tag of its audio; null: no audio, or not named")
      .meta({ example: "en" }),
  })
  .meta({ id: "StreamFacts" });
export type StreamFacts = z.infer<typeof StreamFacts>;

/** Streams that `POST /metadata` lists at most, the best ones. */
export const MAX_LISTED_FORMATS = 50;

/** What a source says about its media; 200 of `POST /metadata`. */
export const Metadata = z
  .object({
    title: text,
    duration: z.number().min(0).nullable().describe("Seconds"),
    width: pixels.describe("Of the best stream"),
    height: pixels,
    extractor: text.describe("The site, as the extractor names it"),
    uploader: text,
    thumbnail: text.describe("URL"),
    description: text,
    view_count: count,
    like_count: count,
    upload_date: text.describe("YYYYMMDD"),
    filesize_approx: count.describe("Bytes of the best streams together"),
    is_live: z.boolean(),
    formats: z
      .array(StreamFacts)
      .describe(`The best streams, ${MAX_LISTED_FORMATS} at most; the best one last`),
  })
  .meta({ id: "Metadata" });
export type Metadata = z.infer<typeof Metadata>;

/** 200 of `POST /is-short`. */
export const ShortVerdict = z
  .object({
    is_short: z.boolean().describe("Whether the video is vertical; false when the source does not say"),
    video_type: z.enum(["short", "video", "live"]),
    width: pixels,
    height: pixels,
    aspect_ratio: z.number().positive().nullable().describe("Height divided by width"),
    duration_seconds: z.number().min(0).nullable(),
  })
  .meta({ id: "ShortVerdict" });
export type ShortVerdict = z.infer<typeof ShortVerdict>;
