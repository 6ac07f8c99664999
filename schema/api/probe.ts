import "../messages.ts";
import { z } from "zod";
import { Cookies, WebUrl } from "./job-request.ts";

const text = z.string().nullable();
const count = z.int().min(0).nullable();
const pixels = z.int().positive().nullable();

/** `POST /metadata` and `POST /is-short`. */
export const ProbeUrl = z.object({ url: WebUrl, cookies: Cookies }).meta({ id: "ProbeUrl" });
export type ProbeUrl = z.infer<typeof ProbeUrl>;

/** One stream that a source offers, or that a job would use. What the source does not state is null. */
export const StreamFacts = z
  .object({
    format_id: z.string().describe("The source's name for the stream"),
    extension: text.meta({ example: "mp4" }),
    video_codec: text
      .describe("Null if there is no video or its codec is not stated")
      .meta({ example: "h264" }),
    audio_codec: text.meta({ example: "aac" }),
    width: pixels,
    height: pixels,
    fps: z.number().positive().nullable(),
    bitrate_kbps: z.number().min(0).nullable(),
    size: count.describe("Bytes, exact or estimated by the source"),
    language: text
      .default(null)
      .describe("BCP 47 tag of its audio; null if there is none or it is not stated")
      .meta({ example: "en" }),
  })
  .meta({ id: "StreamFacts" });
export type StreamFacts = z.infer<typeof StreamFacts>;

/** Maximum number of streams that `POST /metadata` lists; the best are kept. */
export const MAX_LISTED_FORMATS = 50;

/** What a source says about its media; 200 of `POST /metadata`. */
export const Metadata = z
  .object({
    title: text,
    duration: z.number().min(0).nullable().describe("Seconds"),
    width: pixels.describe("Width of the best stream"),
    height: pixels,
    extractor: text.describe("The extractor's name for the site"),
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
    is_short: z.boolean().describe("Whether the video is vertical; false if the source does not state it"),
    video_type: z.enum(["short", "video", "live"]),
    width: pixels,
    height: pixels,
    aspect_ratio: z.number().positive().nullable().describe("Height divided by width"),
    duration_seconds: z.number().min(0).nullable(),
  })
  .meta({ id: "ShortVerdict" });
export type ShortVerdict = z.infer<typeof ShortVerdict>;
