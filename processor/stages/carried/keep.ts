import type { Format } from "../../../schema/containers.ts";
import type { Adjustment, MediaPlan } from "../../../schema/media.ts";
import type { Carried, SubtitleTrack } from "../../tools/carried.ts";
import { threeLetterCode } from "../audio/language-codes.ts";
import { canonicalLanguage } from "../audio/voices.ts";

/** What the new file keeps of a file's own contents, in addition to video and audio. */

/** Subtitles of the source's file in the format of the new one. */
interface KeptSubtitle extends SubtitleTrack {
  /** `copy`, or the tool's name of the format they are converted to. */
  readonly become: string;
}

export interface KeptStreams {
  /** Index of the input. */
  readonly input: number;
  readonly subtitles: readonly KeptSubtitle[];
  /** How many fonts and other attachments of the file are copied. */
  readonly attachments: number;
}

const TEXT = new Set(["subrip", "srt", "ass", "ssa", "mov_text", "webvtt", "text"]);

interface Holds {
  /** Formats that are copied. */
  readonly copied: ReadonlySet<string>;
  /** The format that other text is converted to; null where the container holds no text. */
  readonly text: string | null;
  readonly cover: boolean;
  readonly attachments: boolean;
}

const NOTHING = { copied: new Set<string>(), text: null, attachments: false };
const MOVIE = { copied: new Set(["mov_text"]), text: "mov_text", attachments: false };

/** What each container holds in addition to video and audio. */
const HOLDS: Readonly<Record<Format, Holds>> = {
  mp4: { ...MOVIE, cover: true },
  mov: { ...MOVIE, cover: false },
  mkv: {
    copied: new Set(["subrip", "ass", "webvtt", "dvd_subtitle", "hdmv_pgs_subtitle", "dvb_subtitle"]),
    ...{ text: "srt", cover: true, attachments: true },
  },
  webm: { copied: new Set(["webvtt"]), text: "webvtt", cover: false, attachments: false },
  m4a: { ...NOTHING, cover: true },
  mp3: { ...NOTHING, cover: true },
  ogg: { ...NOTHING, cover: true },
  opus: { ...NOTHING, cover: true },
};

/** Whether files of this format have room for a cover image. */
export const holdsCover = (format: Format): boolean => HOLDS[format].cover;

/** Chooses what is kept, and reports what is lost; for an audio file, only what belongs to audio counts as lost. */
export function keepStreams(
  { format, audio_only }: MediaPlan,
  carried: Carried,
  input: number,
): { readonly kept: KeptStreams; readonly adjustments: readonly Adjustment[] } {
  const holds = HOLDS[format];
  const all = carried.subtitles.map((track) => ({ ...track, become: formOf(track, holds) }));
  const subtitles = all.flatMap((track) =>
    track.become === null ? [] : [{ ...track, become: track.become }],
  );
  const lost = all.filter(({ become }) => become === null);
  const left = (field: string, from: string): Adjustment => ({
    ...{ field, from, to: null },
    reason: `The source's file has this, and ${format} cannot hold it`,
  });
  const ofVideo = audio_only
    ? []
    : [
        ...lost.map(({ codec, language }) => left("subtitles", language ? `${codec} (${language})` : codec)),
        ...(carried.attachments > 0 && !holds.attachments ? [left("attachments", "attached files")] : []),
        ...carried.others.map((other) => left("streams", other)),
      ];
  return {
    kept: { input, subtitles, attachments: holds.attachments ? carried.attachments : 0 },
    adjustments: [...ofVideo, ...(carried.cover !== null && !holds.cover ? [left("cover", "cover")] : [])],
  };
}

function formOf({ codec }: SubtitleTrack, { copied, text }: Holds): string | null {
  if (copied.has(codec)) return "copy";
  return TEXT.has(codec) ? text : null;
}

/** Maps of what is kept; they come after those of video and audio. */
export const keptMaps = (kept: KeptStreams | null): string[] =>
  kept === null
    ? []
    : [
        ...kept.subtitles.flatMap(({ stream }) => ["-map", `${kept.input}:${stream}`]),
        ...(kept.attachments > 0 ? ["-map", `${kept.input}:t`] : []),
      ];

/** Codecs and labels of what is kept. */
export function keptArguments(kept: KeptStreams | null, format: Format): string[] {
  if (kept === null) return [];
  return [
    ...kept.subtitles.flatMap((track, place) => [
      ...[`-c:s:${place}`, track.become],
      ...labels(track, place, format),
      ...[`-disposition:s:${place}`, dispositionOf(track)],
    ]),
    ...(kept.attachments > 0 ? ["-c:t", "copy"] : []),
    ...Array.from({ length: kept.attachments }, (_, place) => [
      `-map_metadata:s:t:${place}`,
      `${kept.input}:s:t:${place}`,
    ]).flat(),
  ];
}

function labels({ language, title }: SubtitleTrack, place: number, format: Format): string[] {
  const tag = canonicalLanguage(language);
  return [
    ...(tag === null ? [] : [`-metadata:s:s:${place}`, `language=${threeLetterCode(tag, format)}`]),
    ...(title === null ? [] : [`-metadata:s:s:${place}`, `title=${title.replaceAll("\0", "")}`]),
  ];
}

function dispositionOf({ isDefault, isForced }: SubtitleTrack): string {
  const names = [...(isDefault ? ["default"] : []), ...(isForced ? ["forced"] : [])];
  return names.length === 0 ? "0" : names.join("+");
}
