import type { ByteSpan } from "../egress/source-read.ts";
import type { Chapter } from "../media/isobmff/chapter-track.ts";
import { codecName } from "../tools/codec-names.ts";
import type { YtdlpFormat, YtdlpInfo } from "../tools/ytdlp-info.ts";
import { voiceOf } from "./audio/voices.ts";
import type { FormatChoice } from "./select.ts";

/** How the bytes of a stream are fetched. */
export type Protocol = "http" | "hls" | "dash" | "other";

export interface Fragment {
  readonly url: string;
  /** Other addresses of the same bytes. */
  readonly alternatives?: readonly string[];
  /** Only these bytes of it. */
  readonly span?: ByteSpan;
  /** Seconds; null for a fragment that is not media (the initialisation segment), or if it is not reported. */
  readonly duration: number | null;
  /** Fragments of one part share a clock and an initialisation. Default 0. */
  readonly part?: number;
}

/** One chosen stream, with everything that is needed to fetch it. */
export interface SourceStream {
  readonly url: string;
  readonly protocol: Protocol;
  /** With cookies; sent with every request for this stream. */
  readonly headers: Readonly<Record<string, string>>;
  /** File extension that the source reports: the container. */
  readonly extension: string;
  /** Null: none, or not stated (see `codecsKnown`). */
  readonly videoCodec: string | null;
  readonly audioCodec: string | null;
  /** False if the source does not state both, like direct links. */
  readonly codecsKnown: boolean;
  readonly width: number | null;
  readonly height: number | null;
  readonly fps: number | null;
  /** Exact or estimated bytes. */
  readonly size: number | null;
  /** Average, video and audio together. */
  readonly bitrateKbps: number | null;
  readonly fragments: readonly Fragment[];
  /** Of the DASH manifest that names it; null for any other stream. */
  readonly manifestUrl: string | null;
  readonly formatId: string;
  /** Of its audio, as a BCP 47 tag; null if the source does not name it. */
  readonly language: string | null;
  /** Only the audio of another language, in addition to that of the other streams. */
  readonly isExtraAudio: boolean;
}

/** The audio languages of a source's formats. */
export type AudioChoice = Omit<FormatChoice, "formats" | "extraAudio">;

/** A resolved source: what the extraction reported, in this project's own terms. */
export interface Source {
  readonly id: string;
  readonly title: string;
  readonly description: string | null;
  /** ISO 8601 date. */
  readonly releaseDate: string | null;
  /** Seconds. */
  readonly duration: number | null;
  readonly uploader: string | null;
  readonly live: boolean;
  readonly chapters: readonly Chapter[];
  /** One stream, or video and audio; further audio if every language was requested. */
  readonly streams: readonly [SourceStream, ...SourceStream[]];
  /** Which language was chosen, which there were, and how the choice differs from the request. */
  readonly audio: AudioChoice;
  /** The extractor's own document, for its own downloader. */
  readonly info: YtdlpInfo;
}

/** The streams that a selector chose; those without an address are left out. */
export function chosenStreams(
  requested: readonly YtdlpFormat[],
  extraAudio: readonly YtdlpFormat[] = [],
): SourceStream[] {
  return [...requested, ...extraAudio]
    .filter((format) => typeof format.url === "string")
    .map((format) => ({ ...toStream(format), isExtraAudio: extraAudio.includes(format) }));
}

/** @throws never; members of unexpected types count as missing */
export function describeSource(info: YtdlpInfo, streams: Source["streams"], audio: AudioChoice): Source {
  return {
    id: text(info.id) ?? "",
    title: text(info.title) ?? text(info.id) ?? "media",
    description: text(info.description),
    releaseDate: isoDate(text(info.release_date) ?? text(info.upload_date)),
    duration: durationOf(info, streams),
    uploader: text(info.artist) ?? text(info.uploader) ?? text(info.channel),
    live: isLive(info),
    chapters: chaptersOf(info),
    streams,
    audio: { language: audio.language, languages: audio.languages, adjustments: audio.adjustments },
    info,
  };
}

/** In seconds; null if unknown. */
export const durationOf = (info: YtdlpInfo, [first]: readonly SourceStream[]): number | null =>
  number(info.duration) ?? (first ? secondsOfFragments(first) : null);

/** The sum of the fragments: a manifest often reports their durations and none of the whole. */
function secondsOfFragments({ fragments }: SourceStream): number | null {
  const declared = fragments.flatMap(({ duration }) => (duration === null ? [] : [duration]));
  // the first one may be the initialisation, which has no duration
  if (declared.length === 0 || declared.length < fragments.length - 1) return null;
  return declared.reduce((sum, duration) => sum + duration, 0);
}

function chaptersOf({ chapters }: YtdlpInfo): Chapter[] {
  if (!Array.isArray(chapters)) return [];
  return chapters.flatMap(({ start_time, end_time, title }) => {
    const [start, end] = [number(start_time), number(end_time)];
    return start === null || end === null || end <= start ? [] : [{ start, end, title: text(title) ?? "" }];
  });
}

/** True while a stream is on air. */
export const isLive = (info: YtdlpInfo): boolean => info.live_status === "is_live" || info.is_live === true;

function toStream(format: YtdlpFormat): Omit<SourceStream, "isExtraAudio"> {
  const url = String(format.url);
  const base = text(format.fragment_base_url) ?? url;
  const fragments = Array.isArray(format.fragments)
    ? format.fragments.map((entry) => toFragment(entry, base))
    : [];
  return {
    url,
    protocol: protocolOf(text(format.protocol), url, fragments.length > 0),
    headers: headersOf(format),
    extension: text(format.ext) ?? "",
    videoCodec: codecName(text(format.vcodec)),
    audioCodec: codecName(text(format.acodec)),
    codecsKnown: text(format.vcodec) !== null && text(format.acodec) !== null,
    width: number(format.width),
    height: number(format.height),
    fps: number(format.fps),
    size: number(format.filesize) ?? number(format.filesize_approx),
    bitrateKbps: number(format.tbr),
    fragments,
    manifestUrl: text(format.protocol) === "http_dash_segments" ? text(format.manifest_url) : null,
    formatId: text(format.format_id) ?? "",
    language: format.acodec === "none" ? null : voiceOf(format).language,
  };
}

function toFragment(entry: { url?: unknown; path?: unknown; duration?: unknown }, base: string): Fragment {
  return {
    url: text(entry.url) ?? new URL(text(entry.path) ?? "", base).href,
    duration: number(entry.duration),
  };
}

function protocolOf(protocol: string | null, url: string, fragmented: boolean): Protocol {
  if (protocol === null) return /^https?:/.test(url) ? "http" : "other";
  if (/^m3u8/.test(protocol)) return "hls";
  if (protocol === "http_dash_segments") return fragmented ? "dash" : "other";
  return /^https?$/.test(protocol) ? "http" : "other";
}

function headersOf(format: YtdlpFormat): Record<string, string> {
  const declared =
    typeof format.http_headers === "object" && format.http_headers !== null ? format.http_headers : {};
  const headers = Object.fromEntries(
    Object.entries(declared).map(([name, value]) => [name.toLowerCase(), String(value)]),
  );
  // media bytes are needed unchanged: a compressed response would break ranges
  delete headers["accept-encoding"];
  const cookies = text(format.cookie_header);
  return cookies === null ? headers : { ...headers, cookie: cookies };
}

const text = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);
const number = (value: unknown): number | null =>
  typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : null;

function isoDate(compact: string | null): string | null {
  const match = /^(\d{4})(\d{2})(\d{2})$/.exec(compact ?? "");
  return match ? `${match[1]}-${match[2]}-${match[3]}` : null;
}
