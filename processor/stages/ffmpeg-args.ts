import {
  type AudioTarget,
  containerOf,
  DEFAULT_AUDIO_BITRATE,
  DEFAULT_CRF,
  type Format,
  type MediaPlan,
  type StreamActions,
  type VideoTarget,
} from "../../schema/media.ts";

/** One input of a mux: an address that the tool can open. */
export interface MuxInput {
  readonly address: string;
  /** Options in front of this input. */
  readonly options?: readonly string[];
  readonly videoCodec: string | null;
  readonly audioCodec: string | null;
  /** MPEG-TS carries AAC with headers that other containers do not take. */
  readonly transportStream?: boolean;
}

export interface MuxJob {
  readonly inputs: readonly MuxInput[];
  readonly plan: MediaPlan;
  readonly actions: StreamActions;
  /** Bytes to reserve for the index, for formats that have it in front. */
  readonly indexBytes: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly output: string;
}

const MUXERS: Record<Format, string> = {
  mp4: "mp4",
  mov: "mov",
  mkv: "matroska",
  webm: "webm",
  m4a: "ipod",
  mp3: "mp3",
  ogg: "ogg",
  opus: "opus",
};

const VIDEO_ENCODERS: Record<VideoTarget, (crf: number) => string[]> = {
  h264: (crf) => ["libx264", "-preset", "veryfast", "-crf", `${crf}`, "-pix_fmt", "yuv420p"],
  h265: (crf) => [
    "libx265",
    "-preset",
    "fast",
    "-crf",
    `${crf}`,
    "-pix_fmt",
    "yuv420p",
    "-x265-params",
    "log-level=error",
  ],
  // VP9 counts quality from 0 to 63; good deadline with row threads is the usual balance
  vp9: (crf) => [
    ...["libvpx-vp9", "-crf", `${Math.round((crf * 63) / 51)}`, "-b:v", "0", "-pix_fmt", "yuv420p"],
    ...["-deadline", "good", "-cpu-used", "5", "-row-mt", "1"],
  ],
};

const AUDIO_ENCODERS: Record<AudioTarget, string> = { aac: "aac", opus: "libopus", mp3: "libmp3lame" };

const INDEX_BASE_BYTES = 64 * 1024;
const INDEX_BYTES_PER_AUDIO_SECOND = 1000;
const INDEX_BYTES_PER_FRAME = 32;
const MATROSKA_INDEX_BYTES_PER_SECOND = 50;
const FALLBACK_FPS = 60;

/**
 * Bytes to reserve in front for the index; 0 where the format has none or the duration (seconds) is not known.
 * Measured to be enough; when it is not, the muxer says by how much and the mux is run again.
 */
export function indexBytesFor(format: Format, duration: number | null, fps: number | null): number {
  if (duration === null) return 0;
  if (format === "mkv" || format === "webm") {
    return Math.ceil(INDEX_BASE_BYTES + duration * MATROSKA_INDEX_BYTES_PER_SECOND);
  }
  if (!containerOf(format).indexFirst) return 0;
  const perSecond = (fps ?? FALLBACK_FPS) * INDEX_BYTES_PER_FRAME + INDEX_BYTES_PER_AUDIO_SECOND;
  return Math.ceil(INDEX_BASE_BYTES + duration * perSecond);
}

/** Arguments of one mux: inputs, maps, codecs, container, output; everything between the global options and the end. */
export function muxArguments(job: MuxJob): string[] {
  return [
    ...job.inputs.flatMap((input) => inputArguments(input, job.plan)),
    ...clipLength(job.plan),
    ...maps(job),
    ...videoArguments(job),
    ...audioArguments(job),
    ...Object.entries(job.metadata).flatMap(([name, value]) => ["-metadata", `${name}=${value}`]),
    ...containerArguments(job),
    ...["-f", MUXERS[job.plan.format], "-y", job.output],
  ];
}

function inputArguments(input: MuxInput, plan: MediaPlan): string[] {
  const seek = plan.clip !== null && plan.clip.start > 0 ? ["-ss", `${plan.clip.start}`] : [];
  return ["-thread_queue_size", "1024", ...seek, ...(input.options ?? []), "-i", input.address];
}

function clipLength(plan: MediaPlan): string[] {
  if (plan.clip === null || plan.clip.end === null) return [];
  return ["-t", `${plan.clip.end - plan.clip.start}`];
}

function maps(job: MuxJob): string[] {
  const video =
    job.actions.video === "none" ? -1 : job.inputs.findIndex((input) => input.videoCodec !== null);
  const audio =
    job.actions.audio === "none" ? -1 : job.inputs.findLastIndex((input) => input.audioCodec !== null);
  return [
    ...(video === -1 ? ["-vn"] : ["-map", `${video}:v:0`]),
    ...(audio === -1 ? ["-an"] : ["-map", `${audio}:a:0`]),
    ...["-sn", "-dn", "-map_metadata", "-1", "-map_chapters", "0"],
  ];
}

function videoArguments({ actions, plan, inputs }: MuxJob): string[] {
  if (actions.video === "none") return [];
  if (actions.video !== "copy") {
    const encoder = VIDEO_ENCODERS[actions.video](plan.crf ?? DEFAULT_CRF);
    return ["-c:v", ...encoder, ...codecTag(plan.format, actions.video)];
  }
  const codec = inputs.find((input) => input.videoCodec !== null)?.videoCodec ?? null;
  return ["-c:v", "copy", ...codecTag(plan.format, codec)];
}

/** Apple's players take H.265 only under this tag. */
const codecTag = (format: Format, codec: string | null): string[] =>
  codec === "h265" && containerOf(format).indexFirst ? ["-tag:v", "hvc1"] : [];

function audioArguments({ actions, plan, inputs }: MuxJob): string[] {
  if (actions.audio === "none") return [];
  if (actions.audio !== "copy") {
    return ["-c:a", AUDIO_ENCODERS[actions.audio], "-b:a", plan.audio_bitrate ?? DEFAULT_AUDIO_BITRATE];
  }
  const input = inputs.findLast((candidate) => candidate.audioCodec !== null);
  const strip = input?.transportStream && input.audioCodec === "aac" && containerOf(plan.format).indexFirst;
  return ["-c:a", "copy", ...(strip ? ["-bsf:a", "aac_adtstoasc"] : [])];
}

/** The index goes in front in one pass: room is reserved, everything behind it is written strictly forward. */
function containerArguments({ plan, indexBytes }: MuxJob): string[] {
  if (containerOf(plan.format).indexFirst) {
    return indexBytes > 0
      ? ["-moov_size", `${indexBytes}`]
      : ["-movflags", "+frag_keyframe+empty_moov+default_base_moof"];
  }
  if (plan.format === "mkv" || plan.format === "webm")
    return indexBytes > 0 ? ["-reserve_index_space", `${indexBytes}`] : [];
  return [];
}
