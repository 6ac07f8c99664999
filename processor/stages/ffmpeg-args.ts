import { containerOf, type Format, isAudioFormat } from "../../schema/containers.ts";
import type { MediaPlan, StreamActions } from "../../schema/media.ts";
import { ToolInput } from "../tools/tool-input.ts";
import { audioEncoder, codecTag, videoEncoder } from "./encoders.ts";

/** What a mux must know of an input. */
export interface MuxInput {
  readonly videoCodec: string | null;
  readonly audioCodec: string | null;
  /** MPEG-TS carries AAC with headers that other containers do not take. */
  readonly transportStream?: boolean;
  /** Seconds of this input in front of what is wanted; 0 for all of it. */
  readonly skipSeconds?: number;
  /** False for pieces read one after the other: what is in front is read and left out. */
  readonly seekable?: boolean;
}

/** An input that the tool can open. */
export interface OpenedMuxInput extends MuxInput {
  readonly input: ToolInput;
}

/** A picture that is put into the file beside the media. */
export interface Cover {
  /** A JPEG file. */
  readonly path: string;
  readonly bytes: number;
}

export interface MuxJob {
  readonly inputs: readonly OpenedMuxInput[];
  readonly plan: MediaPlan;
  readonly actions: StreamActions;
  /** Length of a clip; null: all that the inputs have. */
  readonly clipSeconds: number | null;
  /**
   * Bytes to reserve for the index, for formats that have it in front. 0: its size cannot be told beforehand, so it is
   * moved to the front when everything else is written.
   */
  readonly indexBytes: number;
  /** Title, artist, date and chapters, in the tool's own text format. */
  readonly metadataPath: string | null;
  readonly cover: Cover | null;
  /** Where the time stamp of the first copied packet is noted, in seconds from the asked start; see `readFirstPacket`. */
  readonly firstPacketPath: string | null;
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

const INDEX_BASE_BYTES = 64 * 1024;
const INDEX_BYTES_PER_AUDIO_SECOND = 1000;
const INDEX_BYTES_PER_FRAME = 32;
const MATROSKA_INDEX_BYTES_PER_SECOND = 50;
const FALLBACK_FPS = 60;

/**
 * Bytes to reserve in front for the index; 0 where the format has none or the duration (seconds) is not known.
 * Measured to be enough; when it is not, the muxer says by how much and the mux is run again.
 *
 * @param extraBytes of what stands in the index beside the media's own tables: metadata, chapters, cover
 */
export function indexBytesFor(
  format: Format,
  duration: number | null,
  fps: number | null,
  extraBytes = 0,
): number {
  if (duration === null) return 0;
  if (isMatroska(format)) return Math.ceil(INDEX_BASE_BYTES + duration * MATROSKA_INDEX_BYTES_PER_SECOND);
  if (!containerOf(format).indexFirst) return 0;
  const framesPerSecond = isAudioFormat(format) ? 0 : (fps ?? FALLBACK_FPS);
  const perSecond = framesPerSecond * INDEX_BYTES_PER_FRAME + INDEX_BYTES_PER_AUDIO_SECOND;
  return Math.ceil(INDEX_BASE_BYTES + extraBytes + duration * perSecond);
}

/** Both members of the family: their index is a list of cues. */
export const isMatroska = (format: Format): boolean => format === "mkv" || format === "webm";

/** The inputs of one mux, in the order in which its arguments count them. */
export function muxToolInputs(job: MuxJob): ToolInput[] {
  const cover = attachesPicture(job) ? job.cover : null;
  return [
    ...job.inputs.map(positioned),
    ...(job.metadataPath === null ? [] : [ToolInput.text(job.metadataPath, "ffmetadata")]),
    ...(cover === null ? [] : [ToolInput.image(cover.path, "jpeg_pipe")]),
  ];
}

/** Arguments of one mux: maps, codecs, container, output; everything behind the inputs. */
export function muxArguments(job: MuxJob): string[] {
  return [
    ...clipLength(job),
    ...maps(job),
    ...metadataArguments(job),
    ...videoArguments(job),
    ...audioArguments(job),
    ...coverArguments(job),
    ...containerArguments(job),
    ...["-f", MUXERS[job.plan.format], "-y", job.output],
    ...firstPacketOutput(job),
  ];
}

function positioned({ input, seekable = true, skipSeconds = 0 }: OpenedMuxInput): ToolInput {
  // either way the asked start becomes time 0
  const skip = seekable ? ["-ss", `${skipSeconds}`] : ["-itsoffset", `${-skipSeconds}`];
  return input.with("-thread_queue_size", "1024", ...(skipSeconds > 0 ? skip : []));
}

const clipLength = ({ clipSeconds }: MuxJob): string[] =>
  clipSeconds === null ? [] : ["-t", `${clipSeconds}`];

/** Of which inputs picture and sound are taken; -1 for none. */
export const mappedInputs = ({
  actions,
  inputs,
}: Pick<MuxJob, "actions"> & { readonly inputs: readonly MuxInput[] }) => ({
  video: actions.video === "none" ? -1 : inputs.findIndex((input) => input.videoCodec !== null),
  audio: actions.audio === "none" ? -1 : inputs.findLastIndex((input) => input.audioCodec !== null),
});

function maps(job: MuxJob): string[] {
  const { audio, video } = mappedInputs(job);
  return [
    ...(video === -1 ? [] : ["-map", `${video}:v:0`]),
    ...(audio === -1 ? ["-an"] : ["-map", `${audio}:a:0`]),
    ...["-sn", "-dn"],
  ];
}

/** Nothing of the source's own tags is taken over: ours name the same things, and others may name its maker's tools. */
function metadataArguments({ metadataPath, inputs }: MuxJob): string[] {
  if (metadataPath === null) return ["-map_metadata", "-1", "-map_chapters", "-1"];
  const input = `${inputs.length}`;
  return ["-map_metadata", input, "-map_metadata:s", "-1", "-map_chapters", input];
}

function videoArguments(job: MuxJob): string[] {
  const { actions, plan, inputs } = job;
  if (actions.video === "none") return attachesPicture(job) ? [] : ["-vn"];
  if (actions.video !== "copy") return videoEncoder(actions.video, plan);
  const codec = inputs.find((input) => input.videoCodec !== null)?.videoCodec ?? null;
  return ["-c:v:0", "copy", ...codecTag(plan, codec)];
}

function audioArguments({ actions, plan, inputs }: MuxJob): string[] {
  if (actions.audio === "none") return [];
  if (actions.audio !== "copy") return audioEncoder(actions.audio, plan);
  const input = inputs.findLast((candidate) => candidate.audioCodec !== null);
  const strip = input?.transportStream && input.audioCodec === "aac" && containerOf(plan.format).indexFirst;
  // where no picture begins at a key frame, the sound in front of the asked start is left out
  const startsExactly = plan.clip !== null && actions.video !== "copy";
  return [
    ...["-c:a", "copy"],
    ...(startsExactly ? ["-copypriorss:a", "0"] : []),
    ...(strip ? ["-bsf:a", "aac_adtstoasc"] : []),
  ];
}

/** Ogg has its pictures in the metadata, WebM has none. */
const attachesPicture = ({ cover, plan }: Pick<MuxJob, "cover" | "plan">): boolean =>
  cover !== null && (plan.format === "m4a" || plan.format === "mp3");

function coverArguments(job: MuxJob): string[] {
  const { cover, inputs, metadataPath, plan } = job;
  if (cover === null) return [];
  if (plan.format === "mkv") {
    return ["-attach", cover.path, "-metadata:s:t", "mimetype=image/jpeg"].concat(
      "-metadata:s:t",
      "filename=cover.jpg",
    );
  }
  if (!attachesPicture(job)) return [];
  const input = inputs.length + (metadataPath === null ? 0 : 1);
  return ["-map", `${input}:v:0`, "-c:v", "copy", "-disposition:v:0", "attached_pic"];
}

/** The index goes in front in one pass: room is reserved, everything behind it is written strictly forward. */
function containerArguments({ plan, indexBytes }: MuxJob): string[] {
  if (containerOf(plan.format).indexFirst) {
    return indexBytes > 0 ? ["-moov_size", `${indexBytes}`] : ["-movflags", "+faststart"];
  }
  if (isMatroska(plan.format)) {
    return indexBytes > 0 ? ["-reserve_index_space", `${indexBytes}`] : ["-cues_to_front", "1"];
  }
  return [];
}

/** A second, tiny output: where a copy begins is known to nobody but the tool that cuts. */
function firstPacketOutput(job: MuxJob): string[] {
  if (job.firstPacketPath === null) return [];
  const video = job.actions.video === "copy";
  const input = mappedInputs(job)[video ? "video" : "audio"];
  return [
    ...["-map", `${input}:${video ? "v" : "a"}:0`, "-c", "copy", video ? "-frames:v" : "-frames:a", "1"],
    ...(job.actions.video === "none" ? ["-copypriorss:a", "0"] : []),
    ...["-f", "framecrc", "-y", job.firstPacketPath],
  ];
}
