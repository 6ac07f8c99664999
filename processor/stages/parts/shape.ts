import type { AudioTarget, VideoTarget } from "../../../schema/containers.ts";
import type { MediaFacts } from "../../tools/ffprobe.ts";

/** What parts must share to be one stream. */
export interface Shape {
  readonly video: { readonly codec: string; readonly width: number; readonly height: number } | null;
  readonly audio: { readonly codec: string; readonly sampleRate: number; readonly channels: number } | null;
}

/** One part as it was found. */
export interface FoundPart extends Shape {
  /** As announced. */
  readonly seconds: number;
}

/** What is done to a stream of a part; `none` where it has no such stream. */
export interface PartActions {
  readonly video: "copy" | "encode" | "none";
  readonly audio: "copy" | "encode" | "none";
}

/** The target of all parts, with codecs that can be encoded and that the joined stream can hold. */
export interface CommonShape {
  readonly video: (NonNullable<Shape["video"]> & { readonly codec: VideoTarget }) | null;
  readonly audio: (NonNullable<Shape["audio"]> & { readonly codec: AudioTarget }) | null;
}

const VIDEO = new Set(["h264", "h265"]);
const AUDIO = new Set(["aac", "mp3"]);

export const shapeOf = ({ audio, video }: Pick<MediaFacts, "audio" | "video">): Shape => ({
  video: video ? { codec: video.codec, width: video.width, height: video.height } : null,
  audio: audio ? { codec: audio.codec, sampleRate: audio.sampleRate, channels: audio.channels } : null,
});

/** The shape that most of the presentation already has, so that as little as possible is encoded. */
export function commonShape(parts: readonly FoundPart[]): CommonShape {
  const video = mostOf(parts, ({ video: its }) => its);
  const audio = mostOf(parts, ({ audio: its }) => its);
  return {
    video: video && { ...video, codec: VIDEO.has(video.codec) ? (video.codec as VideoTarget) : "h264" },
    audio: audio && { ...audio, codec: AUDIO.has(audio.codec) ? (audio.codec as AudioTarget) : "aac" },
  };
}

export function actionsFor(part: Shape, common: CommonShape): PartActions {
  return { video: actionFor(part.video, common.video), audio: actionFor(part.audio, common.audio) };
}

const actionFor = (its: object | null, wanted: object | null): PartActions["video"] =>
  its === null || wanted === null ? "none" : keyOf(its) === keyOf(wanted) ? "copy" : "encode";

const keyOf = (shape: object): string => JSON.stringify(Object.entries(shape).sort());

/** Of equal shares, the first one. */
function mostOf<T extends object>(
  parts: readonly FoundPart[],
  pick: (part: FoundPart) => T | null,
): T | null {
  const shares = new Map<string, { readonly shape: T; seconds: number }>();
  for (const part of parts) {
    const shape = pick(part);
    if (shape === null) continue;
    const share = shares.get(keyOf(shape)) ?? { shape, seconds: 0 };
    share.seconds += part.seconds;
    shares.set(keyOf(shape), share);
  }
  const [first] = [...shares.values()].sort((a, b) => b.seconds - a.seconds);
  return first?.shape ?? null;
}
