import { containerOf, type Format, isAudioFormat } from "../../schema/containers.ts";
import type { MediaPlan, StreamActions } from "../../schema/media.ts";
import { ToolInput } from "../tools/tool-input.ts";
import type { AudioPlan, ExtraTrack } from "./audio/audio-plan.ts";
import { threeLetterCode } from "./audio/language-codes.ts";
import { type KeptStreams, keptArguments, keptMaps } from "./carried/keep.ts";
import { audioEncoder, codecTag, videoEncoder } from "./encoders.ts";

/** What the muxer must know about an input. */
export interface MuxInput {
  readonly videoCodec: string | null;
  readonly audioCodec: string | null;
  /** MPEG-TS carries AAC with headers that other containers do not accept. */
  readonly transportStream?: boolean;
  /** Seconds of this input before the requested section; 0 for all of it. */
  readonly skipSeconds?: number;
  /** Seconds by which it begins later than the first of all inputs. */
  readonly delaySeconds?: number;
  /** Only the audio of another language. */
  readonly isExtraAudio?: boolean;
  /** False for pieces that are read one after the other: what comes before is read and discarded. */
  readonly seekable?: boolean;
  /** Its container states when frames are decoded, but not when they are shown. */
  readonly lacksShowTimes?: boolean;
}

/** An input that the tool can open. */
export interface OpenedMuxInput extends MuxInput {
  readonly input: ToolInput;
}

/** An image that is put into the file next to the media. */
export interface Cover {
  /** A JPEG file. */
  readonly path: string;
  readonly bytes: number;
}

export interface MuxJob {
  readonly inputs: readonly OpenedMuxInput[];
  readonly plan: MediaPlan;
  readonly actions: StreamActions;
  /** Which audio tracks; without it, the first one of the last input that has audio. */
  readonly audio?: Pick<AudioPlan, "track" | "extra" | "language"> | undefined;
  /** Duration of a clip; null: all that the inputs have. */
  readonly clipSeconds: number | null;
  /**
   * Bytes to reserve for the index, for formats that have it in front. 0: its size is not known beforehand, so it is
   * moved to the front when everything else is written.
   */
  readonly indexBytes: number;
  /** Title, artist, date and chapters, in the tool's own text format. */
  readonly metadataPath: string | null;
  readonly cover: Cover | null;
  /** What else is copied from the source's file. */
  readonly kept?: KeptStreams | null;
  /** Missing timestamps are generated, even where the container should have them. */
  readonly repairsTimes?: boolean;
  /**
   * The file that records the timestamp of the first copied packet, in seconds from the requested start; see
   * `readFirstPacket`.
   */
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
 * Bytes to reserve in front for the index; 0 if the format has none or the duration (seconds) is not known. Measured to
 * be enough; when it is not, the muxer reports by how much and runs again.
 *
 * @param extraBytes size of what the index holds next to the media's own tables: metadata, chapters, cover
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
  const cover = attachesCover(job) ? job.cover : null;
  return [
    ...job.inputs.map((input) => positioned(input, job)),
    ...(job.metadataPath === null ? [] : [ToolInput.text(job.metadataPath, "ffmetadata")]),
    ...(cover === null ? [] : [ToolInput.image(cover.path, "jpeg_pipe")]),
  ];
}

/** Arguments of one mux: maps, codecs, container, output; everything after the inputs. */
export function muxArguments(job: MuxJob): string[] {
  return [
    ...clipLength(job),
    ...maps(job),
    ...metadataArguments(job),
    ...videoArguments(job),
    ...(extraTracks(job).length === 0
      ? [...audioArguments(job), ...onlyLanguage(job)]
      : severalAudioArguments(job)),
    ...keptArguments(job.kept ?? null, job.plan.format),
    ...coverArguments(job),
    ...containerArguments(job),
    ...["-f", MUXERS[job.plan.format], "-y", job.output],
    ...firstPacketOutput(job),
  ];
}

function positioned(
  { delaySeconds = 0, input, lacksShowTimes = false, seekable = true, skipSeconds = 0 }: OpenedMuxInput,
  { actions, repairsTimes = false }: MuxJob,
): ToolInput {
  const delay = delaySeconds > 0 ? ["-itsoffset", `${delaySeconds}`] : [];
  // either way the requested start becomes time 0
  const skip = seekable ? ["-ss", `${skipSeconds}`] : ["-itsoffset", `${-skipSeconds}`];
  // a decoder determines better on its own when its frames are shown
  const makesTimes = repairsTimes || (lacksShowTimes && actions.video === "copy");
  return input.with(
    ...["-thread_queue_size", "1024", ...(makesTimes ? ["-fflags", "+genpts"] : [])],
    ...(skipSeconds > 0 ? skip : delay),
  );
}

const clipLength = ({ clipSeconds }: MuxJob): string[] =>
  clipSeconds === null ? [] : ["-t", `${clipSeconds}`];

/** The inputs that video and audio are taken from; -1 for none. */
export const mappedInputs = ({
  actions,
  inputs,
}: Pick<MuxJob, "actions"> & { readonly inputs: readonly MuxInput[] }) => ({
  video: actions.video === "none" ? -1 : inputs.findIndex((input) => input.videoCodec !== null),
  audio: actions.audio === "none" ? -1 : mainAudio(inputs),
});

/** The input of the first audio track; -1 for none. */
export const mainAudio = (inputs: readonly MuxInput[]): number =>
  inputs.findLastIndex((input) => input.audioCodec !== null && !input.isExtraAudio);

const extraTracks = ({ actions, audio }: MuxJob): readonly ExtraTrack[] =>
  actions.audio === "none" ? [] : (audio?.extra ?? []);

function maps(job: MuxJob): string[] {
  const { audio, video } = mappedInputs(job);
  return [
    // an upper-case V excludes covers, which some files have in front
    ...(video === -1 ? [] : ["-map", `${video}:V:0`]),
    ...(audio === -1 ? ["-an"] : ["-map", `${audio}:a:${job.audio?.track ?? 0}`]),
    ...extraTracks(job).flatMap(({ input, track }) => ["-map", `${input}:a:${track}`]),
    ...keptMaps(job.kept ?? null),
    ...(job.kept?.subtitles.length ? [] : ["-sn"]),
    "-dn",
  ];
}

/** The text contains all that is said about the file, including the source's own tags; nothing else is copied. */
function metadataArguments({ metadataPath, inputs }: MuxJob): string[] {
  if (metadataPath === null) return ["-map_metadata", "-1", "-map_chapters", "-1"];
  const input = `${inputs.length}`;
  return ["-map_metadata", input, "-map_metadata:s", "-1", "-map_chapters", input];
}

function videoArguments(job: MuxJob): string[] {
  const { actions, plan, inputs } = job;
  if (actions.video === "none") return attachesCover(job) ? [] : ["-vn"];
  if (actions.video !== "copy") return videoEncoder(actions.video, plan);
  const input = inputs.find(({ videoCodec }) => videoCodec !== null);
  const codec = input?.videoCodec ?? null;
  // two frames in one packet are AVI's way to store frames that are shown out of order
  const unpack = input?.lacksShowTimes && codec === "mpeg4" ? ["-bsf:v:0", "mpeg4_unpack_bframes"] : [];
  return ["-c:v:0", "copy", ...unpack, ...codecTag(plan, codec)];
}

function audioArguments({ actions, plan, inputs }: MuxJob): string[] {
  if (actions.audio === "none") return [];
  if (actions.audio !== "copy") return audioEncoder(actions.audio, plan);
  const input = inputs[mainAudio(inputs)];
  // if no video begins at a key frame, the audio before the requested start is left out
  const startsExactly = plan.clip !== null && actions.video !== "copy";
  return [
    ...["-c:a", "copy"],
    ...(startsExactly ? ["-copypriorss:a", "0"] : []),
    ...(input ? adtsFilter(plan, input, input.audioCodec) : []),
  ];
}

const adtsFilter = (plan: MediaPlan, { transportStream }: MuxInput, codec: string | null): string[] =>
  transportStream && codec === "aac" && containerOf(plan.format).indexFirst
    ? ["-bsf:a", "aac_adtstoasc"]
    : [];

/** Each audio track has its own options and its label; players choose the first one. */
function severalAudioArguments(job: MuxJob): string[] {
  const { audio, plan } = job;
  const tracks = extraTracks(job).flatMap(({ action, codec, input, language }, index) => {
    const place = index + 1;
    const made =
      action === "copy"
        ? ["-c:a", "copy", ...(job.inputs[input] ? adtsFilter(plan, job.inputs[input], codec) : [])]
        : audioEncoder(action, plan);
    return [
      ...forTrack(withRisingTimes(made), place),
      ...label(language, place, plan.format),
      `-disposition:a:${place}`,
      "0",
    ];
  });
  const first = [
    ...forTrack(withRisingTimes(audioArguments(job)), 0),
    ...label(audio?.language ?? null, 0, plan.format),
  ];
  return [...first, "-disposition:a:0", "default", ...tracks];
}

/** The first packets of audio segments may share one timestamp, which a file cannot hold. */
const RISING_TIMES = "setts=ts='if(N,max(TS,PREV_OUTDTS+1),TS)'";

function withRisingTimes(options: readonly string[]): string[] {
  if (options[1] !== "copy") return [...options];
  const at = options.indexOf("-bsf:a") + 1;
  if (at === 0) return [...options, "-bsf:a", RISING_TIMES];
  return options.with(at, `${options[at]},${RISING_TIMES}`);
}

/** @example forTrack(["-c:a", "copy"], 1) // ["-c:a:1", "copy"] */
const forTrack = (options: readonly string[], place: number): string[] =>
  options.map((option) => {
    if (option === "-af") return `-filter:a:${place}`;
    return /^-[a-z]+:a$/.test(option) ? `${option}:${place}` : option;
  });

const languageNames = new Intl.DisplayNames(["en"], { type: "language" });

function label(language: string | null, place: number, format: Format): string[] {
  if (language === null) return [];
  const name = languageNames.of(language) ?? language;
  const tags = [`language=${threeLetterCode(language, format)}`, `title=${name}`, `handler_name=${name}`];
  return tags.flatMap((tag) => [`-metadata:s:a:${place}`, tag]);
}

/** The language of the only audio track, in containers whose tracks have one. */
function onlyLanguage({ actions, audio, plan: { format } }: MuxJob): string[] {
  const language = audio?.language ?? null;
  const hasLanguages = containerOf(format).indexFirst || isMatroska(format);
  if (actions.audio === "none" || language === null || !hasLanguages) return [];
  return ["-metadata:s:a:0", `language=${threeLetterCode(language, format)}`];
}

const ATTACHES_COVER: ReadonlySet<Format> = new Set(["mp4", "m4a", "mp3"]);

/** Ogg has its images in the metadata, Matroska in an attachment, WebM has none. */
const attachesCover = ({ cover, plan }: Pick<MuxJob, "cover" | "plan">): boolean =>
  cover !== null && ATTACHES_COVER.has(plan.format);

function coverArguments(job: MuxJob): string[] {
  const { cover, inputs, metadataPath, plan } = job;
  if (cover === null) return [];
  if (plan.format === "mkv") {
    // those of the source's file come first
    const place = job.kept?.attachments ?? 0;
    return ["-attach", cover.path, `-metadata:s:t:${place}`, "mimetype=image/jpeg"].concat(
      `-metadata:s:t:${place}`,
      "filename=cover.jpg",
    );
  }
  if (!attachesCover(job)) return [];
  const input = inputs.length + (metadataPath === null ? 0 : 1);
  const place = job.actions.video === "none" ? 0 : 1;
  return ["-map", `${input}:v:0`, `-c:v:${place}`, "copy", `-disposition:v:${place}`, "attached_pic"];
}

/** The index goes in front in one pass: room is reserved, everything after it is written strictly forward. */
function containerArguments({ plan, indexBytes }: MuxJob): string[] {
  if (containerOf(plan.format).indexFirst) {
    return indexBytes > 0 ? ["-moov_size", `${indexBytes}`] : ["-movflags", "+faststart"];
  }
  if (isMatroska(plan.format)) {
    return indexBytes > 0 ? ["-reserve_index_space", `${indexBytes}`] : ["-cues_to_front", "1"];
  }
  return [];
}

/** A second, tiny output: only the tool that cuts knows where a copy begins. */
function firstPacketOutput(job: MuxJob): string[] {
  if (job.firstPacketPath === null) return [];
  const video = job.actions.video === "copy";
  const input = mappedInputs(job)[video ? "video" : "audio"];
  return [
    ...[
      "-map",
      `${input}:${video ? "V:0" : `a:${job.audio?.track ?? 0}`}`,
      "-c",
      "copy",
      video ? "-frames:v" : "-frames:a",
      "1",
    ],
    ...(job.actions.video === "none" ? ["-copypriorss:a", "0"] : []),
    ...["-f", "framecrc", "-y", job.firstPacketPath],
  ];
}
