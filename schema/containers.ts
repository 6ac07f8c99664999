/** Codecs, and the containers that hold them: one row for each output format, and what follows from a row. */

export const VIDEO_CODECS = ["h264", "h265", "vp8", "vp9", "av1"] as const;
export const AUDIO_CODECS = ["aac", "opus", "mp3", "vorbis", "flac"] as const;
/** Codec names as the API uses them. */
export type VideoCodec = (typeof VIDEO_CODECS)[number];
export type AudioCodec = (typeof AUDIO_CODECS)[number];

/** Codecs that a caller may ask for; `copy` keeps the source's codec. */
export const VIDEO_CHOICES = ["copy", "h264", "h265", "vp9"] as const;
export const AUDIO_CHOICES = ["copy", "aac", "opus", "mp3"] as const;
export type VideoChoice = (typeof VIDEO_CHOICES)[number];
export type AudioChoice = (typeof AUDIO_CHOICES)[number];
/** A codec that streams are transcoded to. */
export type VideoTarget = Exclude<VideoChoice, "copy">;
export type AudioTarget = Exclude<AudioChoice, "copy">;

interface Container {
  readonly mime: string;
  /** Codecs it may hold; `any` for no restriction, an empty list for none. */
  readonly video: readonly VideoCodec[] | "any";
  readonly audio: readonly AudioCodec[] | "any";
  /** What a stream that does not fit is transcoded to; null where the container has no such stream. */
  readonly firstVideo: VideoTarget | null;
  readonly firstAudio: AudioTarget;
  /** ISO base media: the index must come first, so that players start before the file is complete. */
  readonly indexFirst: boolean;
}

/** One container under two names. */
const OGG = {
  mime: "audio/ogg",
  video: [],
  audio: ["opus"],
  firstVideo: null,
  firstAudio: "opus",
  indexFirst: false,
} as const satisfies Container;

/** One row for each output format. */
export const CONTAINERS = {
  mp4: {
    mime: "video/mp4",
    video: ["h264", "h265", "vp9", "av1"],
    audio: ["aac", "mp3", "opus"],
    firstVideo: "h264",
    firstAudio: "aac",
    indexFirst: true,
  },
  mov: {
    mime: "video/quicktime",
    video: ["h264", "h265"],
    audio: ["aac", "mp3"],
    firstVideo: "h264",
    firstAudio: "aac",
    indexFirst: true,
  },
  mkv: {
    mime: "video/x-matroska",
    video: "any",
    audio: "any",
    firstVideo: "h264",
    firstAudio: "aac",
    indexFirst: false,
  },
  webm: {
    mime: "video/webm",
    video: ["vp8", "vp9", "av1"],
    audio: ["opus", "vorbis"],
    firstVideo: "vp9",
    firstAudio: "opus",
    indexFirst: false,
  },
  m4a: {
    mime: "audio/mp4",
    video: [],
    audio: ["aac"],
    firstVideo: null,
    firstAudio: "aac",
    indexFirst: true,
  },
  mp3: {
    mime: "audio/mpeg",
    video: [],
    audio: ["mp3"],
    firstVideo: null,
    firstAudio: "mp3",
    indexFirst: false,
  },
  ogg: OGG,
  opus: OGG,
} as const satisfies Record<string, Container>;

/** @example "mp4" */
export type Format = keyof typeof CONTAINERS;
export const FORMATS = Object.keys(CONTAINERS) as [Format, ...Format[]];

/** The row of a format, typed as the general shape. */
export const containerOf = (format: Format): Container => CONTAINERS[format];
/** True for formats that hold no video. */
export const isAudioFormat = (format: Format): boolean => containerOf(format).firstVideo === null;

/** What a format does with one kind of stream. */
export interface Room<T> {
  /** The request field that chooses the codec. */
  readonly field: "video_codec" | "audio_codec";
  readonly holds: (codec: string) => boolean;
  /** What a stream that does not fit is transcoded to; null where the format has no such stream. */
  readonly first: T | null;
  /** Why a codec does not fit. @example "webm holds VP8, VP9 or AV1" */
  readonly sentence: string;
}

export function videoRoom(format: Format): Room<VideoTarget> {
  const { video, firstVideo } = containerOf(format);
  return {
    ...{ field: "video_codec", holds: holderOf(video), first: firstVideo },
    sentence: holdsSentence(format, video, "video"),
  };
}

export function audioRoom(format: Format): Room<AudioTarget> {
  const { audio, firstAudio } = containerOf(format);
  return {
    ...{ field: "audio_codec", holds: holderOf(audio), first: firstAudio },
    sentence: holdsSentence(format, audio, "audio"),
  };
}

const holderOf =
  (codecs: readonly string[] | "any") =>
  (codec: string): boolean =>
    codecs === "any" || codecs.includes(codec);

const CODEC_NAMES: Record<VideoCodec | AudioCodec, string> = {
  h264: "H.264",
  h265: "H.265",
  vp8: "VP8",
  vp9: "VP9",
  av1: "AV1",
  aac: "AAC",
  opus: "Opus",
  mp3: "MP3",
  vorbis: "Vorbis",
  flac: "FLAC",
};

function holdsSentence(
  format: Format,
  codecs: readonly (VideoCodec | AudioCodec)[] | "any",
  kind: string,
): string {
  if (codecs === "any" || codecs.length === 0) return `${format} holds no ${kind}`;
  const names = codecs.map((codec) => CODEC_NAMES[codec]);
  const last = names.pop();
  return `${format} holds ${names.length > 0 ? `${names.join(", ")} or ${last}` : last}`;
}
