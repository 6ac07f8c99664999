import { audioRoom, videoRoom } from "../../../schema/containers.ts";
import type { JobErrorCode } from "../../../schema/errors.ts";
import type { Adjustment, MediaPlan, SourceCodecs, StreamActions } from "../../../schema/media.ts";
import { Fault } from "../../fault.ts";

/**
 * How a source with a blemish is still delivered: each rung takes more trouble and changes more than the one before it,
 * and is only tried when that one failed.
 */
export type Rung =
  /** Any error of the tool ends it: what comes out has no blemish. */
  | "strict"
  /** Damaged packets are copied or concealed, time stamps are repaired; the result is decoded to see what it is worth. */
  | "tolerant"
  /** Also transcodes what would be copied. */
  | "transcode";

/** Failures that are about the media; everything else would be the same on the next rung. */
const ABOUT_MEDIA: readonly JobErrorCode[] = ["processing", "truncated"];

/** Null where nothing is left to try. */
export function nextRung(rung: Rung, error: unknown, actions: StreamActions): Rung | null {
  if (!(error instanceof Fault) || !ABOUT_MEDIA.includes(error.code)) return null;
  if (rung === "strict") return "tolerant";
  const copies = actions.video === "copy" || actions.audio === "copy";
  return rung === "tolerant" && copies ? "transcode" : null;
}

/**
 * The streams that a tool named when it gave up; all where it named none.
 *
 * @param detail its error output
 */
export function failedStreams(
  detail: string | undefined,
  { video }: Pick<StreamActions, "video">,
): { readonly video: boolean; readonly audio: boolean } {
  const named = [...(detail ?? "").matchAll(/stream #?\d+:(\d+)/g)].map(([, place]) => Number(place));
  if (named.length === 0) return { video: true, audio: true };
  // video stands in front
  const isVideo = (place: number) => video !== "none" && place === 0;
  return { video: named.some(isVideo), audio: !named.every(isVideo) };
}

/** The same actions with streams transcoded that would be copied: to their own codec where that can be made. */
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

/** What is known of the input of the video. */
interface ShownVideo {
  readonly lacksDisplayOrder?: boolean;
  readonly isTurned?: boolean;
}

/**
 * Transcodes video that a copy would show wrong: frames in the order in which they are decoded, where the source's
 * container states no other one, or lying on their side, where the new container's writer drops the rotation.
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
