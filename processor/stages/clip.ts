import { readFile } from "node:fs/promises";
import { containerOf } from "../../schema/containers.ts";
import type { Adjustment, MediaPlan, StreamActions } from "../../schema/media.ts";
import { SourceFault } from "../fault.ts";
import type { Section } from "./file-metadata.ts";

/** The section of a source that is delivered. */
export interface Extent {
  /** In seconds of the source; the whole source when no clip was requested. */
  readonly section: Section;
  /** Seconds of the result; null if the source reports no duration. */
  readonly seconds: number | null;
  readonly adjustments: readonly Adjustment[];
}

/** The actual bounds of a delivered clip in its source, in seconds. */
export interface ClipFacts {
  readonly start: number;
  readonly duration: number | null;
}

/** Announced durations are rounded: an end that is later by this much is not the caller's mistake. */
const END_TOLERANCE_SECONDS = 0.5;

/**
 * Checks the requested clip against the source.
 *
 * @param total seconds of the source, if known
 * @throws Fault `clip_out_of_range` when all of it is outside
 */
export function extentOf({ clip }: MediaPlan, total: number | null): Extent {
  if (clip === null) return { section: { start: 0, end: total }, seconds: total, adjustments: [] };
  if (total !== null && clip.start >= total) {
    throw new SourceFault("clip_out_of_range", `starts at ${clip.start} s of ${total} s`);
  }
  const end = clip.end === null ? total : Math.min(clip.end, total ?? clip.end);
  const isCut = clip.end !== null && total !== null && clip.end > total + END_TOLERANCE_SECONDS;
  return {
    section: { start: clip.start, end },
    seconds: end === null ? null : end - clip.start,
    adjustments: isCut
      ? [{ field: "clip_end", from: clip.end, to: toMillis(total), reason: "The media ends there" }]
      : [],
  };
}

/** True when the first copied packet decides where a clip begins, since it cannot begin just anywhere. */
export const beginsAtPacket = ({ clip }: MediaPlan, { video, audio }: StreamActions): boolean =>
  clip !== null && clip.start > 0 && (video === "copy" || (video === "none" && audio === "copy"));

/**
 * Reads the first copied packet from the output of ffmpeg's `framecrc`.
 *
 * @returns seconds from the requested start, negative before it; null when nothing was recorded
 */
export async function readFirstPacket(path: string): Promise<number | null> {
  const text = await readFile(path, "utf8").catch(() => "");
  const timeBase = /^#tb 0: (\d+)\/(\d+)$/m.exec(text);
  const packet = /^0,\s*-?\d+,\s*(-?\d+),/m.exec(text);
  if (!timeBase || !packet) return null;
  return (Number(packet[1]) * Number(timeBase[1])) / Number(timeBase[2]);
}

/**
 * Where the clip begins for its viewer. ISO files hide what comes before the requested start with an edit list; the
 * other containers show it, which is reported as an adjustment.
 *
 * @param firstPacket seconds from the requested start, null where the cut is exact
 * @param duration of the delivered file
 */
export function clipFacts(
  { clip, format }: MediaPlan,
  { firstPacket, duration }: { firstPacket: number | null; duration: number | null },
): { facts: ClipFacts | null; adjustments: Adjustment[] } {
  if (clip === null) return { facts: null, adjustments: [] };
  const offset = firstPacket === null || containerOf(format).indexFirst ? 0 : firstPacket;
  const start = toMillis(Math.max(0, clip.start + offset));
  const facts = { start, duration: duration === null ? null : toMillis(duration) };
  // a packet of audio is some hundredths of a second long: too short for viewers to see
  if (Math.abs(offset) < 0.1) return { facts, adjustments: [] };
  const reason = `A copy begins at a key frame, and ${format} shows what lies in front of the asked start`;
  return { facts, adjustments: [{ field: "clip_start", from: clip.start, to: start, reason }] };
}

const toMillis = (seconds: number): number => Math.round(seconds * 1000) / 1000;
