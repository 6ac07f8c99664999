import type { EgressProxy } from "../egress/proxy.ts";
import { ServiceFault, SourceFault } from "../fault.ts";
import { type Carried, type CarriedOutput, carriedOf } from "./carried.ts";
import { codecName } from "./codec-names.ts";
import type { Tools } from "./discover.ts";
import { spawnTool } from "./exec.ts";
import { accessFor } from "./ffmpeg.ts";
import { proxyEnvironment } from "./proxy-environment.ts";
import { mediaFile, type ToolInput } from "./tool-input.ts";

export interface VideoFacts {
  /** With the API's names: `h264`, `h265`, `vp9`, `av1`, or ffmpeg's own name. */
  readonly codec: string;
  /** As shown, after rotation. */
  readonly width: number;
  readonly height: number;
  readonly fps: number | undefined;
  /** Bits per second. */
  readonly bitrate: number | undefined;
  /** Frames are shown in a different order than they are decoded. */
  readonly isReordered: boolean;
  /** Players must rotate its frames, like those of a phone held upright. */
  readonly isTurned: boolean;
}

export interface AudioFacts {
  readonly codec: string;
  /** In hertz. */
  readonly sampleRate: number;
  readonly channels: number;
  /** Bits per second. */
  readonly bitrate: number | undefined;
  /** As the file states it; null if it states none. */
  readonly language: string | null;
  readonly title: string | null;
  /** Audio description, commentary and the like. */
  readonly isAlternate: boolean;
  readonly isDefault: boolean;
  readonly isDub: boolean;
  readonly isOriginal: boolean;
}

export interface MediaFacts {
  /** `mp4`, `mov`, `m4a`, `mkv`, `webm`, or ffmpeg's own name of the format. */
  readonly container: string;
  /** Undefined if the container does not say (live, raw streams). */
  readonly durationSeconds: number | undefined;
  /** Timestamp of the first frame; undefined if there is none. */
  readonly startSeconds: number | undefined;
  readonly sizeBytes: number | undefined;
  /** The first video stream; a cover image does not count. */
  readonly video: VideoFacts | undefined;
  readonly audio: AudioFacts | undefined;
  /** All audio streams, in the file's order. */
  readonly audioTracks: readonly AudioFacts[];
  readonly carried: Carried;
}

export interface ProbeOptions {
  readonly tools: Pick<Tools, "ffprobe" | "sandbox">;
  readonly proxy: Pick<EgressProxy, "url" | "blocked">;
  readonly cwd: string;
  readonly signal?: AbortSignal | undefined;
}

/** Facts of a file with very many streams; an honest one takes some kilobytes. */
const MAX_FACTS_BYTES = 16 << 20;

const PROBE_ARGS = ["-hide_banner", "-v", "error", "-show_format", "-show_streams", "-show_chapters"].concat(
  ...["-of", "json"],
);

/**
 * Reads what a media file contains.
 *
 * @param media an input, or the path of a file
 * @throws Fault `unsupported_url` for an unsupported container, `truncated` when it is damaged, `timeout`,
 * `processing` when it takes more resources than an inspection may, `egress_blocked`, or the signal's reason
 */
export async function probeMedia(
  media: ToolInput | string,
  { cwd, proxy, signal, tools }: ProbeOptions,
): Promise<MediaFacts> {
  const input = typeof media === "string" ? await mediaFile(media) : media;
  const refusals = proxy.blocked().length;
  const lines: string[] = [];
  const tool = spawnTool({
    command: tools.ffprobe.path,
    args: [...PROBE_ARGS, ...input.args],
    env: proxyEnvironment(proxy.url),
    ...{ cwd, signal, stdout: "pipe", maxStdoutBytes: MAX_FACTS_BYTES },
    limits: tools.sandbox.limits.inspect,
    sandbox: tools.sandbox,
    access: accessFor([input], cwd, proxy.url),
    onStdoutLine: (line) => void lines.push(line),
  });
  const exit = await tool.exited;
  signal?.throwIfAborted();
  if (proxy.blocked(refusals).length > 0) throw new SourceFault("egress_blocked", exit.stderrTail);
  if (exit.limit === "time") throw new ServiceFault("timeout", "ffprobe was not done by its deadline");
  if (exit.limit !== null)
    throw new ServiceFault("processing", `ffprobe exceeded its limit of ${exit.limit}`);
  const response = exit.code === 0 ? (JSON.parse(lines.join("\n")) as FfprobeOutput) : {};
  if (!response.format || !response.streams?.length) throw new SourceFault("truncated", exit.stderrTail);
  return factsOf(response.format, response.streams, response.chapters);
}

/** The members of ffprobe's output that are read here. */
interface FfprobeOutput {
  readonly format?: ProbeFormat;
  readonly streams?: readonly ProbeStream[];
  readonly chapters?: CarriedOutput["chapters"];
}

interface ProbeFormat {
  readonly format_name: string;
  readonly duration?: string;
  readonly start_time?: string;
  readonly size?: string;
  readonly tags?: { readonly major_brand?: string } & Readonly<Record<string, unknown>>;
}

interface ProbeStream {
  readonly index: number;
  readonly codec_type: string;
  readonly codec_name?: string;
  readonly width?: number;
  readonly height?: number;
  readonly avg_frame_rate?: string;
  readonly has_b_frames?: number;
  readonly bit_rate?: string;
  readonly sample_rate?: string;
  readonly channels?: number;
  readonly disposition?: Readonly<Record<string, number>>;
  readonly tags?: {
    readonly rotate?: string;
    readonly language?: string;
    readonly title?: string;
    readonly handler_name?: string;
  } & Readonly<Record<string, unknown>>;
  readonly side_data_list?: readonly { readonly rotation?: number }[];
}

function factsOf(
  format: ProbeFormat,
  streams: readonly ProbeStream[],
  chapters: CarriedOutput["chapters"] = [],
): MediaFacts {
  const video = streams.find((stream) => stream.codec_type === "video" && !stream.disposition?.attached_pic);
  const audioTracks = streams.filter((stream) => stream.codec_type === "audio").map(audioFacts);
  return {
    container: containerName(format, video !== undefined, streams.map(codecOf)),
    durationSeconds: positive(format.duration),
    startSeconds: format.start_time === undefined ? undefined : Number(format.start_time),
    sizeBytes: positive(format.size),
    video: video && videoFacts(video),
    audio: audioTracks[0],
    audioTracks,
    carried: carriedOf({ format, streams, chapters }),
  };
}

function videoFacts(stream: ProbeStream): VideoFacts {
  const { width = 0, height = 0 } = stream;
  const rotation = stream.side_data_list?.find((data) => data.rotation !== undefined)?.rotation;
  const turn = Math.abs(rotation ?? Number(stream.tags?.rotate ?? 0)) % 360;
  const isUpright = turn % 180 === 90;
  const [frames = 0, seconds = 0] = (stream.avg_frame_rate ?? "").split("/").map(Number);
  return {
    codec: codecOf(stream),
    width: isUpright ? height : width,
    height: isUpright ? width : height,
    fps: frames > 0 && seconds > 0 ? frames / seconds : undefined,
    bitrate: positive(stream.bit_rate),
    isReordered: (stream.has_b_frames ?? 0) > 0,
    isTurned: turn !== 0,
  };
}

/** Dispositions of audio that is not the programme as everybody hears it. */
const ALTERNATES = [
  "comment",
  "visual_impaired",
  "hearing_impaired",
  "descriptions",
  "clean_effects",
  "karaoke",
];

function audioFacts(stream: ProbeStream): AudioFacts {
  const { disposition = {}, tags = {} } = stream;
  return {
    codec: codecOf(stream),
    sampleRate: positive(stream.sample_rate) ?? 0,
    channels: stream.channels ?? 0,
    bitrate: positive(stream.bit_rate),
    language: tags.language ?? null,
    title: tags.title ?? tags.handler_name ?? null,
    isAlternate: ALTERNATES.some((name) => disposition[name] === 1),
    isDefault: disposition.default === 1,
    isDub: disposition.dub === 1,
    isOriginal: disposition.original === 1,
  };
}

const WEBM_CODECS: ReadonlySet<string> = new Set(["vp8", "vp9", "av1", "opus", "vorbis", "webvtt"]);

function containerName(format: ProbeFormat, hasVideo: boolean, codecs: readonly string[]): string {
  const names = format.format_name.split(",");
  if (names.includes("mp4")) {
    if (format.tags?.major_brand?.startsWith("qt")) return "mov";
    return hasVideo ? "mp4" : "m4a";
  }
  // ffmpeg reads both in the same way; a file with only what WebM may contain counts as WebM.
  if (names.includes("webm")) return codecs.every((codec) => WEBM_CODECS.has(codec)) ? "webm" : "mkv";
  return names[0] ?? format.format_name;
}

const codecOf = ({ codec_name }: ProbeStream): string => codecName(codec_name) ?? "unknown";

function positive(text: string | undefined): number | undefined {
  const value = Number(text);
  return value > 0 ? value : undefined;
}
