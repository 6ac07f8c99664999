import { audioRoom } from "../../../schema/containers.ts";
import {
  type Adjustment,
  fitStreams,
  type MediaPlan,
  MULTI_LANGUAGE_FORMATS,
} from "../../../schema/media.ts";
import type { AudioFacts } from "../../tools/ffprobe.ts";
import { type MuxInput, mainAudio } from "../ffmpeg-args.ts";
import { missingLanguage } from "../select.ts";
import type { AudioChoice, Source } from "../source.ts";
import type { AudioPlan, ExtraTrack } from "./audio-plan.ts";
import { canonicalLanguage, chooseVoice, languagesOf, type Voiced, voiceOf } from "./voices.ts";

/** What is decided about an input with several audio tracks, or one whose language only the file reports. */
interface FileChoice extends AudioChoice {
  readonly track: number;
  readonly codec: string | null;
  readonly others: readonly { readonly track: number; readonly facts: AudioFacts }[];
}

/** The index of the first audio track that an unchanged file should have, and whether it may stay unchanged. */
export function judgeTracks(plan: MediaPlan, tracks: readonly AudioFacts[]): FileChoice {
  const asked = plan.audio_language ?? "original";
  const candidates = voicedTracks(tracks);
  const voice = chooseVoice(candidates, asked);
  const languages = languagesOf(candidates);
  const track = voice?.items[0] ?? 0;
  const language = voice?.language ?? null;
  const isTag = asked !== "original" && asked !== "all";
  const proper = candidates.filter(({ voice: { kind } }) => kind !== "alternate").map(({ item }) => item);
  const others = isTag
    ? []
    : proper
        .filter((index) => index !== track)
        .flatMap((index) => {
          const facts = tracks[index];
          return facts ? [{ track: index, facts }] : [];
        });
  const adjustments: Adjustment[] = [];
  if (voice && !voice.isAsked) adjustments.push(missingLanguage(asked, language, languages));
  const alternates = candidates.length - proper.length;
  if (!isTag && alternates > 0 && proper.length > 0) {
    const reason = "Audio description and commentary of the source's file are left out";
    adjustments.push({ field: "audio_language", from: asked, to: language ?? "original", reason });
  }
  return { track, codec: tracks[track]?.codec ?? null, others, language, languages, adjustments };
}

const voicedTracks = (tracks: readonly AudioFacts[]): Voiced<number>[] =>
  tracks.map(({ language, title, isAlternate, isDefault, isDub, isOriginal }, item) => {
    const roles = [...(isAlternate ? ["description"] : []), ...(isDub ? ["dub"] : [])];
    const voice = voiceOf({
      format_id: "",
      language,
      format_note: title,
      audio_roles: roles,
      audio_default: isDefault,
      language_preference: isOriginal ? 10 : -1,
    });
    return { item, voice };
  });

/** An input for the muxer, with the tracks that were found in it. */
export interface TrackedInput extends MuxInput {
  /** Null if they were not inspected: then it has what the source says, one track. */
  readonly audioTracks: readonly AudioFacts[] | null;
}

/**
 * Which audio tracks the delivered file gets: those of the chosen formats and, from a file with several tracks, the
 * requested one, or all that its container can hold.
 *
 * @returns the plan, and the codec of its first track
 */
export function planAudio(
  plan: MediaPlan,
  source: Source,
  inputs: readonly TrackedInput[],
): AudioPlan & { readonly codec: string | null } {
  const main = mainAudio(inputs);
  const first = inputs[main];
  const tracks = first?.audioTracks ?? [];
  const asFormats = { ...source.audio, track: 0, codec: first?.audioCodec ?? null, others: [] };
  const isFromFile =
    source.audio.languages.length === 0 && (tracks.length > 1 || Boolean(tracks[0]?.language));
  const choice: FileChoice = isFromFile ? judgeTracks(plan, tracks) : asFormats;
  const adjustments = [...choice.adjustments];
  const extra: ExtraTrack[] = [];
  const add = (input: number, track: number, codec: string | null, language: string | null): void => {
    const { audio } = fitStreams(plan, { video: null, audio: codec });
    if (audio !== "none") extra.push({ input, track, codec, action: audio, language });
  };
  const left: string[] = [];
  for (const { track, facts } of choice.others) {
    const language = canonicalLanguage(facts.language);
    const holdsMany = MULTI_LANGUAGE_FORMATS.some((format) => format === plan.format);
    const copies = plan.audio_codec === "copy" && audioRoom(plan.format).holds(facts.codec);
    if (holdsMany && (copies || plan.audio_language === "all")) {
      add(main, track, facts.codec, language);
    } else left.push(language ?? "without a language");
  }
  if (left.length > 0) {
    const reason = `The source's file has more audio, which is left out: ${left.join(", ")}`;
    adjustments.push({
      field: "audio_language",
      from: "original",
      to: choice.language ?? "original",
      reason,
    });
  }
  for (const [index, input] of inputs.entries()) {
    if (input.isExtraAudio) add(index, 0, input.audioCodec, source.streams[index]?.language ?? null);
  }
  const { language, languages, track, codec } = choice;
  return { track, codec, extra, language, languages, adjustments };
}
