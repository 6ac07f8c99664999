import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { inRoot } from "../../stack/paths.ts";
import { splitManifest } from "./split-manifest.ts";

/** The media of the benches: created once by ffmpeg, kept in `.cache/bench/media`. */
export const MEDIA_FOLDER = inRoot(".cache", "bench", "media");

/** Bitrate of the large sources: 1 GiB in 400 seconds. */
const VIDEO_RATE = Math.floor((2 ** 30 * 8) / 400);
/** Encoded once and repeated, because only the number of bytes matters. */
const LOOP_SECONDS = 20;

/** The same media in the four forms in which sources offer it; paths below {@link MEDIA_FOLDER}. */
export interface Forms {
  readonly progressive: string;
  /** Two whole files behind one manifest: what sites offer as separate video and audio. */
  readonly split: string;
  readonly hls: string;
  readonly dash: string;
}

const formsIn = (folder: string): Forms => ({
  progressive: `${folder}/whole.mp4`,
  split: `${folder}/split/index.mpd`,
  hls: `${folder}/hls/index.m3u8`,
  dash: `${folder}/dash/index.mpd`,
});

/** Duration of 1 GiB. */
const GIB_SECONDS = 400;

/** About this many GiB in segments of two seconds: 1 GiB has 400 seconds. */
export const formsOf = (gib: number): Forms => formsIn(folderOf(secondsOf(gib)));

const secondsOf = (gib: number): number =>
  Math.max(1, Math.round((gib * GIB_SECONDS) / LOOP_SECONDS)) * LOOP_SECONDS;

const folderOf = (seconds: number): string =>
  ({ 400: "large", 80: "medium" })[seconds] ?? `seconds-${seconds}`;

/** GiB for slow connections. */
export const MEDIUM_GIB = 0.2;
/** 8 MB, progressive. */
export const SMALL = "small.mp4";
/** 20 MB, progressive. */
export const EPISODE = "episode.mp4";
export const EPISODE_GIB = 20e6 / 2 ** 30;
/** A minute of 720p VP9, to be encoded. */
export const TO_ENCODE = "encode.mp4";
export const ENCODE_SECONDS = 60;
export const ENCODE_FPS = 30;

const { FFMPEG_PATH: ffmpegPath = "ffmpeg" } = process.env;

const SPLIT = { video: "video.mp4", audio: "audio.m4a", videoRate: VIDEO_RATE, width: 640, height: 360 };

type Log = (line: string) => void;

/** Creates missing media: takes a minute or two and 5 GB the first time, nothing after that. */
export async function ensureMedia(log: Log, gib: number): Promise<void> {
  await make("loop.mp4", log, (file) => ffmpeg([...encoded(LOOP_SECONDS, VIDEO_RATE), file]));
  for (const size of [gib, MEDIUM_GIB]) await makeForms(formsOf(size), secondsOf(size), log);
  await make(SMALL, log, (file) => ffmpeg([...encoded(20, 3_200_000), file]));
  await make(EPISODE, log, (file) => ffmpeg([...encoded(50, 3_200_000), file]));
  await make(TO_ENCODE, log, (file) =>
    ffmpeg([
      ...["-f", "lavfi", "-i", `testsrc2=size=1280x720:rate=${ENCODE_FPS}:duration=${ENCODE_SECONDS}`],
      ...["-f", "lavfi", "-i", `sine=frequency=440:sample_rate=44100:duration=${ENCODE_SECONDS}`],
      ...["-c:v", "libvpx-vp9", "-cpu-used", "8", "-deadline", "realtime", "-b:v", "3M"],
      ...["-c:a", "aac", "-b:a", "128k", "-movflags", "+faststart", file],
    ]),
  );
}

async function makeForms(forms: Forms, seconds: number, log: Log): Promise<void> {
  const input = ["-stream_loop", `${seconds / LOOP_SECONDS - 1}`, "-i", join(MEDIA_FOLDER, "loop.mp4")];
  const indexFirst = ["-c", "copy", "-movflags", "+faststart"];
  const split = dirname(forms.split);
  await make(forms.progressive, log, (file) => ffmpeg([...input, ...indexFirst, file]));
  await make(`${split}/video.mp4`, log, (file) => ffmpeg([...input, "-an", ...indexFirst, file]));
  await make(`${split}/audio.m4a`, log, (file) => ffmpeg([...input, "-vn", ...indexFirst, file]));
  await make(forms.split, log, (file) => writeFile(file, splitManifest({ ...SPLIT, seconds })));
  await makeFolder(forms.hls, log, (file) =>
    ffmpeg([
      ...input,
      ...["-c", "copy", "-f", "hls", "-hls_time", "2", "-hls_playlist_type", "vod"],
      ...["-hls_segment_filename", join(dirname(file), "segment-%03d.ts"), file],
    ]),
  );
  await makeFolder(forms.dash, log, (file) =>
    ffmpeg([
      ...input,
      ...["-c", "copy", "-f", "dash", "-seg_duration", "2", "-use_template", "1", "-use_timeline", "1"],
      ...["-adaptation_sets", "id=0,streams=v id=1,streams=a", file],
    ]),
  );
}

/** A video with exactly this bitrate, with a tone and a key frame each second. */
function encoded(seconds: number, bitrate: number): string[] {
  const rate = ["-b:v", "-minrate", "-maxrate", "-bufsize"].flatMap((name) => [name, `${bitrate}`]);
  return [
    ...["-f", "lavfi", "-i", `testsrc2=size=640x360:rate=25:duration=${seconds}`],
    ...["-f", "lavfi", "-i", `sine=frequency=440:sample_rate=44100:duration=${seconds}`],
    ...["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "25", "-sc_threshold", "0"],
    ...rate,
    ...["-x264-params", "nal-hrd=cbr", "-c:a", "aac", "-b:a", "128k", "-movflags", "+faststart"],
  ];
}

const ffmpeg = (args: readonly string[]) =>
  promisify(execFile)(ffmpegPath, ["-nostdin", "-v", "error", "-y", ...args]);

/** Writes a file under a temporary name first, so that a failed attempt leaves nothing that looks complete. */
async function make(name: string, log: Log, write: (file: string) => Promise<unknown>): Promise<void> {
  const file = join(MEDIA_FOLDER, name);
  if (existsSync(file)) return;
  log(`making ${name} …`);
  const staging = join(dirname(file), `making-${name.split("/").at(-1)}`);
  await mkdir(dirname(file), { recursive: true });
  await write(staging);
  await rename(staging, file);
}

/** The same for a playlist with its segments next to it. */
async function makeFolder(name: string, log: Log, write: (file: string) => Promise<unknown>): Promise<void> {
  const folder = dirname(join(MEDIA_FOLDER, name));
  if (existsSync(folder)) return;
  log(`making ${name} …`);
  const staging = `${folder}.making`;
  await rm(staging, { recursive: true, force: true });
  await mkdir(staging, { recursive: true });
  await write(join(staging, name.split("/").at(-1) ?? ""));
  await rename(staging, folder);
}
