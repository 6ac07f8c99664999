import { audioRoom, videoRoom } from "../../../schema/containers.ts";
import type { JobErrorCode } from "../../../schema/errors.ts";
import type { Adjustment, MediaPlan, SourceCodecs, StreamActions } from "../../../schema/media.ts";
import { Fault } from "../../fault.ts";

/**
 * How a damaged source is still delivered: each step takes more effort and changes more than the one before it, and is
 * only tried when that one failed.
 */
export type Rung =
  /** Any error of the tool ends it: the result has no damage. */
  | "strict"
  /** Damaged packets are copied or concealed, timestamps are repaired; the result is decoded to judge its quality. */
  | "tolerant"
  /** Also transcodes what would otherwise be copied. */
  | "transcode";

/** Failures that are about the media; everything else would fail the same way on the next step. */
const ABOUT_MEDIA: readonly JobErrorCode[] = ["processing", "truncated"];

/** Null if nothing is left to try. */
export function nextRung(rung: Rung, error: unknown, actions: StreamActions): Rung | null {
  if (!(error instanceof Fault) || !ABOUT_MEDIA.includes(error.code)) return null;
  if (rung === "strict") return "tolerant";
  const copies = actions.video === "copy" || actions.audio === "copy";
  return rung === "tolerant" && copies ? "transcode" : null;
}

/**
 * The streams that a tool named when it gave up; all if it named none.
 *
 * @param detail its error output
 */
export function failedStreams(
  detail: string | undefined,
  { video }: Pick<StreamActions, "video">,
): { readonly video: boolean; readonly audio: boolean } {
  const named = [...(detail ?? "").matchAll(/stream #?\d+:(\d+)/g)].map(([, place]) => Number(place));
  if (named.length === 0) return { video: true, audio: true };
  // video comes first
  const isVideo = (place: number) => video !== "none" && place === 0;
  return { video: named.some(isVideo), audio: !named.every(isVideo) };
}

/** The same actions, but with streams transcoded instead of copied: to their own codec if that can be encoded. */
export function transcodeInstead(
  { format }: Pick<MediaPlan, "format">,
  actions: StreamActions,
  native: SourceCodecs,
  which: { readonly video: boolean; readonly audio: boolean },
): StreamActions {
  const [video, audio] = [videoRoom(format), audioRoom(format)];
  const target = <T extends string>(
    codec: string | null,
    made: readonly T[],
    holds: (c: string) => boolean,
  ) => made.find((name) => name === codec && holds(name));
  return {
    ...actions,
    ...(which.video && actions.video === "copy"
      ? { video: target(native.video, ["h264", "h265", "vp9"], video.holds) ?? video.first ?? "copy" }
      : {}),
    ...(which.audio && actions.audio === "copy"
      ? { audio: target(native.audio, ["aac", "opus", "mp3"], audio.holds) ?? audio.first ?? "copy" }
      : {}),
  };
}

/** What is known about the input of the video. */
interface ShownVideo {
  readonly lacksDisplayOrder?: boolean;
  readonly isTurned?: boolean;
}

/**
 * Transcodes video that a copy would show wrongly: frames in decoding order, if the source's container states no other
 * one, or rotated, if the new container's writer drops the rotation.
 */
export function shownRight(
  plan: MediaPlan,
  actions: StreamActions,
  native: SourceCodecs,
  input: ShownVideo | undefined,
): StreamActions {
  if (actions.video !== "copy" || !input) return actions;
  const reason = whyNotCopied(plan, input);
  if (reason === null) return actions;
  const changed = transcodeInstead(plan, actions, native, { video: true, audio: false });
  const adjustment: Adjustment = { field: "video_codec", from: "copy", to: changed.video, reason };
  return { ...changed, adjustments: [...actions.adjustments, adjustment] };
}

function whyNotCopied({ format }: MediaPlan, { isTurned, lacksDisplayOrder }: ShownVideo): string | null {
  if (lacksDisplayOrder) return "The source's container does not state in which order its frames are shown";
  const dropsRotation = format === "mkv" || format === "webm";
  return isTurned && dropsRotation ? `The video is turned, which a copy in ${format} would not keep` : null;
}
