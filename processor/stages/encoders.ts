import { type AudioTarget, containerOf, type VideoTarget } from "../../schema/containers.ts";
import { DEFAULT_AUDIO_BITRATE, DEFAULT_CRF, type MediaPlan } from "../../schema/media.ts";

/** The 4:2:0 codecs only support even dimensions; an odd row or column is left out. */
const EVEN_SIDES = "crop=trunc(iw/2)*2:trunc(ih/2)*2";

const VIDEO_ENCODERS: Record<VideoTarget, (crf: number) => string[]> = {
  h264: (crf) => ["libx264", "-preset", "veryfast", "-crf", `${crf}`, "-pix_fmt", "yuv420p"],
  h265: (crf) => [
    ...["libx265", "-preset", "fast", "-crf", `${crf}`, "-pix_fmt", "yuv420p"],
    ...["-x265-params", "log-level=error"],
  ],
  // VP9 counts quality from 0 to 63; good deadline with row threads is the usual balance
  vp9: (crf) => [
    ...["libvpx-vp9", "-crf", `${Math.round((crf * 63) / 51)}`, "-b:v", "0", "-pix_fmt", "yuv420p"],
    ...["-deadline", "good", "-cpu-used", "5", "-row-mt", "1"],
  ],
};

const AUDIO_ENCODERS: Record<AudioTarget, string> = { aac: "aac", opus: "libopus", mp3: "libmp3lame" };

/** Opus supports only these speaker layouts, and at most 256 kbit/s per channel. */
const opusLayouts = (bitrate: string): string =>
  bitrate === "320k" ? "7.1|5.1|stereo" : "7.1|5.1|stereo|mono";

/** Arguments that encode a video stream as planned; a clip begins with the frame at time 0. */
export function videoEncoder(target: VideoTarget, plan: MediaPlan): string[] {
  const filters = [
    ...(plan.clip === null ? [] : ["trim=start=0"]),
    ...(target === "vp9" ? [] : [EVEN_SIDES]),
  ];
  return [
    ...["-c:v:0", ...VIDEO_ENCODERS[target](plan.crf ?? DEFAULT_CRF)],
    ...(filters.length > 0 ? ["-filter:v:0", filters.join(",")] : []),
    ...codecTag(plan, target),
  ];
}

/** Silence where the source has nothing: what follows stays in sync with its video, and the file keeps its duration. */
const FILLS_GAPS = "aresample=async=1";

/** Arguments that encode an audio stream as planned. */
export function audioEncoder(target: AudioTarget, plan: MediaPlan): string[] {
  const bitrate = plan.audio_bitrate ?? DEFAULT_AUDIO_BITRATE;
  const filters = [
    ...(plan.clip === null ? [] : ["atrim=start=0"]),
    FILLS_GAPS,
    ...(target === "opus" ? [`aformat=channel_layouts=${opusLayouts(bitrate)}`] : []),
  ];
  return ["-c:a", AUDIO_ENCODERS[target], "-b:a", bitrate, "-af", filters.join(",")];
}

/** Apple's players accept H.265 only under this tag. */
export const codecTag = (plan: MediaPlan, codec: string | null): string[] =>
  codec === "h265" && containerOf(plan.format).indexFirst ? ["-tag:v:0", "hvc1"] : [];

/** Arguments that give one part of a presentation the size and codec of the others; uncovered areas stay black. */
export function partVideoEncoder({
  codec,
  height,
  width,
}: {
  readonly codec: VideoTarget;
  readonly width: number;
  readonly height: number;
}): string[] {
  const [even, high] = [width - (width % 2), height - (height % 2)];
  const fitted = `scale=${even}:${high}:force_original_aspect_ratio=decrease:force_divisible_by=2`;
  const filter = `${fitted},pad=${even}:${high}:(ow-iw)/2:(oh-ih)/2,setsar=1`;
  return ["-c:v", ...VIDEO_ENCODERS[codec](DEFAULT_CRF), "-vf", filter];
}

/** Arguments that give the audio of one part the format of the others. */
export const partAudioEncoder = ({
  channels,
  codec,
  sampleRate,
}: {
  readonly codec: AudioTarget;
  readonly sampleRate: number;
  readonly channels: number;
}): string[] => [
  ...["-c:a", AUDIO_ENCODERS[codec], "-b:a", DEFAULT_AUDIO_BITRATE],
  ...["-ar", `${sampleRate}`, "-ac", `${channels}`],
];
