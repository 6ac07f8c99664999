import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { probe } from "../delivered.ts";

const run = promisify(execFile);

/** The quality of a file for a viewer. */
export interface Worth {
  /** Codec; null for no video. */
  readonly video: string | null;
  readonly audioTracks: number;
  readonly languages: readonly string[];
  readonly subtitles: number;
  readonly chapters: number;
  readonly hasCover: boolean;
  readonly artist: string | null;
  /** Displayed vertically, whether it is stored that way or rotated. */
  readonly isUpright: boolean;
  /** Frames that can be decoded. */
  readonly frames: number;
  /** Frames that are shown before the one that precedes them. */
  readonly backwards: number;
  readonly seconds: number;
  /** Lines of errors while everything is decoded. */
  readonly errors: number;
}

const TIMEOUT_MS = 60_000;
const MAX_OUTPUT = 64 << 20;

export async function measure(path: string): Promise<Worth> {
  const { chapters, format, streams } = await probe(path);
  const isCover = (stream: (typeof streams)[number]) => stream.disposition?.attached_pic === 1;
  const video = streams.find((stream) => stream.codec_type === "video" && !isCover(stream));
  const audio = streams.filter((stream) => stream.codec_type === "audio");
  const { backwards, frames } = video ? await shownFrames(path) : { backwards: 0, frames: 0 };
  const tags = { ...streams[0]?.tags, ...format.tags };
  const artist = Object.entries(tags).find(([name]) => name.toLowerCase() === "artist")?.[1] ?? null;
  return {
    video: video?.codec_name ?? null,
    audioTracks: audio.length,
    languages: audio
      .flatMap(({ tags: { language } = {} }) => (language && language !== "und" ? [language] : []))
      .sort(),
    subtitles: streams.filter((stream) => stream.codec_type === "subtitle").length,
    chapters: chapters.length,
    hasCover: streams.some(isCover),
    artist,
    isUpright: isUpright(video),
    ...{ frames, backwards },
    seconds: Number(format.duration ?? 0),
    errors: await decodeErrors(path),
  };
}

function isUpright(video: Awaited<ReturnType<typeof probe>>["streams"][number] | undefined): boolean {
  const { height = 0, width = 0, side_data_list: sides = [] } = video ?? {};
  const isOnItsSide = sides.some(({ rotation = 0 }) => Math.abs(rotation) % 180 === 90);
  return isOnItsSide ? width > height : height > width;
}

async function shownFrames(path: string): Promise<{ frames: number; backwards: number }> {
  const args = [
    "-v",
    "quiet",
    "-select_streams",
    "V:0",
    "-show_entries",
    "frame=pts",
    "-of",
    "csv=p=0",
    path,
  ];
  const { stdout } = await run("ffprobe", args, { timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT });
  const lines = stdout.split("\n").filter((line) => line !== "");
  const times = lines.map((line) => Number.parseInt(line, 10)).filter((time) => !Number.isNaN(time));
  const backwards = times.filter((time, index) => index > 0 && time <= (times[index - 1] ?? 0)).length;
  return { frames: lines.length, backwards };
}

async function decodeErrors(path: string): Promise<number> {
  const args = ["-nostdin", "-v", "error", "-i", path, "-map", "0:V?", "-map", "0:a?", "-f", "null", "-"];
  const { stderr } = await run("ffmpeg", args, { timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT });
  return stderr.split("\n").filter((line) => line !== "" && !line.includes("dts to muxer")).length;
}
