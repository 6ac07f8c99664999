/** What a file carries in addition to its video and audio. */

/** Text or images of text that are shown over the video. */
export interface SubtitleTrack {
  /** Index among all streams of the file. */
  readonly stream: number;
  /** As ffprobe names it. @example "mov_text" */
  readonly codec: string;
  /** As the file states it; null if it states none. */
  readonly language: string | null;
  readonly title: string | null;
  readonly isDefault: boolean;
  readonly isForced: boolean;
}

export interface CarriedChapter {
  /** In seconds. */
  readonly start: number;
  readonly end: number;
  readonly title: string;
}

export interface Carried {
  /** By their lower-case names, without those that only describe the file itself. */
  readonly tags: Readonly<Record<string, string>>;
  readonly chapters: readonly CarriedChapter[];
  /** Index of the cover image among all streams; null for none. */
  readonly cover: number | null;
  readonly subtitles: readonly SubtitleTrack[];
  /** Fonts and other attachments of the file. */
  readonly attachments: number;
  /** Further video and timed data, in a person's words. */
  readonly others: readonly string[];
}

/** The members of ffprobe's output that are read here. */
export interface CarriedOutput {
  readonly format: { readonly format_name: string; readonly tags?: Readonly<Record<string, unknown>> };
  readonly streams: readonly CarriedStream[];
  readonly chapters?: readonly {
    readonly start_time?: string;
    readonly end_time?: string;
    readonly tags?: { readonly title?: string };
  }[];
}

interface CarriedStream {
  readonly index: number;
  readonly codec_type?: string;
  readonly codec_name?: string;
  readonly codec_tag_string?: string;
  readonly disposition?: Readonly<Record<string, number>>;
  readonly tags?: Readonly<Record<string, unknown>>;
}

/** Tags that describe the old file or the tools that made it, and are wrong for a new one. */
const TECHNICAL_TAGS = new Set([
  ...["major_brand", "minor_version", "compatible_brands", "encoder", "encoded_by", "encoding", "duration"],
  ...["handler_name", "vendor_id", "timecode", "rotate", "software", "isft", "metadata_block_picture"],
  ...["metadatacreator", "hasaudio", "hasvideo", "canseektoend", "deviceconformancetemplate"],
  ...["service_name", "service_provider", "itunsmpb", "itunnorm", "creation_time", "language"],
]);
/** A file can have any number of tags of any length; these limits are beyond honest ones. */
const MAX_TAGS = 100;
const MAX_TAG_CHARS = 32_768;
const MAX_CHAPTERS = 1000;
const MAX_SUBTITLES = 64;

/** @throws never; members of unexpected types count as missing */
export function carriedOf({ format, streams, chapters = [] }: CarriedOutput): Carried {
  const pictures = streams.filter(({ codec_type }) => codec_type === "video");
  const isCover = ({ disposition }: CarriedStream) => disposition?.attached_pic === 1;
  // an image for each chapter is a separate track, and not a cover
  const cover = pictures.find((stream) => isCover(stream) && stream.disposition?.timed_thumbnails !== 1);
  const extraVideo = pictures.filter((stream) => !isCover(stream)).slice(1);
  const data = streams.filter((stream) => stream.codec_type === "data" && !isHousekeeping(stream));
  return {
    tags: tagsIn(format, streams),
    chapters: chapters.slice(0, MAX_CHAPTERS).flatMap(({ start_time, end_time, tags }) => {
      const [start, end] = [Math.max(0, Number(start_time)), Number(end_time)];
      return end > start ? [{ start, end, title: String(tags?.title ?? "") }] : [];
    }),
    cover: cover?.index ?? null,
    subtitles: streams
      .filter(({ codec_type }) => codec_type === "subtitle")
      .slice(0, MAX_SUBTITLES)
      .map(subtitleTrack),
    attachments: streams.filter(({ codec_type }) => codec_type === "attachment").length,
    others: [
      ...extraVideo.map(({ codec_name }) => `video (${codec_name ?? "unknown"})`),
      ...data.map(
        ({ codec_name, codec_tag_string }) => `timed data (${codec_name ?? codec_tag_string ?? "unknown"})`,
      ),
    ],
  };
}

/** Titles of chapters, time codes, and a broadcaster's machine-to-machine data. */
const HOUSEKEEPING = new Set(["bin_data", "timed_id3", "scte_35", "epg"]);
const isHousekeeping = ({ codec_name, codec_tag_string }: CarriedStream): boolean =>
  HOUSEKEEPING.has(codec_name ?? "") || ["tmcd", "text", "rtp "].includes(codec_tag_string ?? "");

/** Ogg stores the tags of the file in its first stream. */
function tagsIn(format: CarriedOutput["format"], streams: readonly CarriedStream[]): Record<string, string> {
  const isOgg = format.format_name === "ogg";
  const all = { ...(isOgg ? streams[0]?.tags : {}), ...format.tags };
  const found = Object.entries(all).flatMap(([name, value]): [string, string][] => {
    const key = name.toLowerCase();
    const isKept =
      typeof value === "string" && value !== "" && value.length <= MAX_TAG_CHARS && !TECHNICAL_TAGS.has(key);
    // ID3's private frames and names that no text format could hold belong to the tool that wrote them
    return isKept && !key.startsWith("id3v2_priv") && !/[\0\r\n=]/.test(key) ? [[key, value]] : [];
  });
  return Object.fromEntries(found.slice(0, MAX_TAGS));
}

function subtitleTrack({ index, codec_name, disposition, tags }: CarriedStream): SubtitleTrack {
  const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : null);
  return {
    stream: index,
    codec: codec_name ?? "unknown",
    language: text(tags?.language),
    title: text(tags?.title),
    isDefault: disposition?.default === 1,
    isForced: disposition?.forced === 1,
  };
}
