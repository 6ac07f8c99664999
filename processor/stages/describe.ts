import type { MediaPlan, SourceCodecs } from "../../schema/media.ts";
import type { RunContext } from "../dependencies.ts";
import type { IndexFacts } from "../media/isobmff/facts.ts";
import type { Carried } from "../tools/carried.ts";
import { type MediaFacts, probeMedia } from "../tools/ffprobe.ts";
import type { TrackedInput } from "./audio/audio-tracks.ts";
import type { Input, Inputs } from "./inputs.ts";
import { delaysOf } from "./parts/beginnings.ts";
import type { Source } from "./source.ts";

/** An input and what the muxer must know about it. */
export interface DescribedInput extends TrackedInput, Pick<Input, "forTool"> {
  /** Of the whole source, in seconds. */
  readonly duration: number | null;
  readonly fps: number | null;
  /** What its file carries in addition to video and audio; null if that was not inspected. */
  readonly carried: Carried | null;
  /** A copy of its video would not record in which order frames are shown. */
  readonly lacksDisplayOrder: boolean;
  readonly isTurned: boolean;
}

/** Codecs with the API's names. */
export const nativeOf = (facts: {
  readonly video: { readonly codec: string } | undefined;
  readonly audio: { readonly codec: string } | undefined;
}): SourceCodecs => ({
  video: facts.video?.codec ?? null,
  audio: facts.audio?.codec ?? null,
});

export async function probeInput(
  { tools, proxy, folder, signal }: RunContext,
  { forTool }: Pick<Input, "forTool">,
): Promise<MediaFacts> {
  return await probeMedia(await forTool(), { tools, proxy, cwd: folder, signal });
}

/** What is known about an input; if its index reports it, this does not include when it begins. */
type Seen = IndexFacts &
  Partial<Pick<MediaFacts, "startSeconds" | "audioTracks" | "carried" | "container">> & {
    readonly video:
      | (IndexFacts["video"] & { readonly isReordered?: boolean; readonly isTurned?: boolean })
      | undefined;
  };

/**
 * An index states neither languages nor what else a file carries, so a tool inspects a file that is the whole source,
 * and every file if a language was requested. Tracks that a site keeps apart carry nothing else.
 */
async function indexFacts(
  { request: { plan } }: RunContext,
  input: Input,
  isWhole: boolean,
): Promise<IndexFacts | null> {
  if (isWhole || asksLanguage(plan)) return null;
  return (await (await input.head())?.facts()) ?? null;
}

/** One language, or all of them. */
export const asksLanguage = ({ audio_language: asked = "original" }: MediaPlan): boolean =>
  asked !== "original";

/** What a source says about its streams is trusted; what it does not say is read from the bytes. */
export async function describeInputs(
  context: RunContext,
  source: Source,
  inputs: Inputs,
): Promise<DescribedInput[]> {
  const isCutApart = inputs.all.length > 1 && inputs.all.every((input) => input.cut !== null);
  const seen = await Promise.all(
    inputs.all.map(async (input): Promise<Seen | null> => {
      const { stream, cut } = input;
      const isStated = stream.codecsKnown && !mayHoldMore(inputs, input);
      const isKnown = isStated && (cut?.totalSeconds ?? source.duration) !== null && !isCutApart;
      if (isKnown) return null;
      return (
        (await indexFacts(context, input, inputs.all.length === 1)) ?? (await probeInput(context, input))
      );
    }),
  ).catch((error: unknown) => {
    throw inputs.failure() ?? error;
  });
  const delays = await delaysOf(inputs.all, context.signal);
  return inputs.all.map((input, index) => {
    const facts = seen[index] ?? null;
    const { stream, forTool, transportStream, cut } = input;
    const native = facts && nativeOf(facts);
    const start = context.request.plan.clip?.start ?? 0;
    return {
      ...{ forTool, transportStream, isExtraAudio: stream.isExtraAudio },
      audioTracks: facts?.audioTracks ?? null,
      carried: facts?.carried ?? null,
      ...orderOf(facts),
      isTurned: facts?.video?.isTurned ?? false,
      videoCodec: native ? native.video : stream.videoCodec,
      audioCodec: native ? native.audio : stream.audioCodec,
      fps: stream.fps ?? facts?.video?.fps ?? null,
      duration: cut?.totalSeconds ?? source.duration ?? facts?.durationSeconds ?? null,
      seekable: cut === null,
      delaySeconds: delays[index] ?? 0,
      skipSeconds: Math.max(0, start - (cut === null ? 0 : beginningOf(inputs.all, seen, index))),
    };
  });
}

/** Playlists often name the codec of their video only, and have audio all the same. */
const mayHoldMore = ({ all }: Inputs, { stream }: Input): boolean =>
  all.length === 1 && stream.protocol === "hls" && stream.audioCodec === null;

/** Codecs whose frames only a decoder can order. */
const OPAQUE_ORDER: ReadonlySet<string> = new Set(["h264", "h265", "vc1", "wmv3"]);

/** AVI counts frames in decoding order. */
function orderOf(facts: Seen | null): Pick<DescribedInput, "lacksShowTimes" | "lacksDisplayOrder"> {
  const { codec = "", isReordered = false } = facts?.video ?? {};
  const lacksShowTimes = facts?.container === "avi";
  return { lacksShowTimes, lacksDisplayOrder: lacksShowTimes && isReordered && OPAQUE_ORDER.has(codec) };
}

/**
 * Playlists round the durations of their segments; if two streams are further apart than this, they do not share one
 * clock.
 */
const SHARED_CLOCK_SECONDS = 1;

/**
 * Where the first segment of a cut stream is in the source. Streams that were cut separately are aligned by their own
 * timestamps: with sums of announced durations, audio and video would drift apart.
 */
function beginningOf(all: readonly Input[], seen: readonly (Seen | null)[], index: number): number {
  const announced = all[index]?.cut?.startSeconds ?? 0;
  const leading = all[0]?.cut?.startSeconds ?? 0;
  const stamps = [seen[0]?.startSeconds, seen[index]?.startSeconds];
  if (index === 0 || stamps[0] === undefined || stamps[1] === undefined) return announced;
  const declared = leading + stamps[1] - stamps[0];
  return Math.abs(declared - announced) <= SHARED_CLOCK_SECONDS ? declared : announced;
}
