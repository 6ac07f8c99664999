import { execFile } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { promisify } from "node:util";

/** Test media, made by ffmpeg on first use and cached in `.cache/media`, one folder per content key. */
export const MEDIA_CACHE = resolve(import.meta.dirname, "../../.cache/media");
const run = promisify(execFile);

export interface MediaOptions {
  /** Default 3. */
  readonly seconds?: number;
  /** Default 320 × 180; give the larger number as `height` for portrait. */
  readonly width?: number;
  readonly height?: number;
  /** Default 25. */
  readonly fps?: number;
  /** Seconds of each segment of HLS and DASH, also the distance of key frames. Default 1. */
  readonly segmentSeconds?: number;
  /** Video bits per second, reached exactly with H.264; use a large number for a large file. */
  readonly videoBitrate?: number;
}

/** Each kind with the entry file of its folder. */
const ENTRY = {
  /** H.264 and AAC, index in front. */
  mp4: "media.mp4",
  /** The same with the index after the media. */
  "mp4-index-last": "media.mp4",
  /** VP9 and Opus. */
  webm: "media.webm",
  "webm-vp8-vorbis": "media.webm",
  "mkv-h265-mp3": "media.mkv",
  "mkv-h264-flac": "media.mkv",
  "mp4-av1-opus": "media.mp4",
  "video-mp4": "video.mp4",
  /** H.264 in fragments of one segment each, which have their own indexes. */
  "video-fragments": "video.mp4",
  "audio-m4a": "audio.m4a",
  "audio-mp3": "audio.mp3",
  "audio-opus": "audio.opus",
  "audio-vorbis": "audio.ogg",
  "audio-flac": "audio.flac",
  "hls-ts": "index.m3u8",
  "hls-fmp4": "index.m3u8",
  /** One file of fMP4 addressed by byte ranges. */
  "hls-byterange": "index.m3u8",
  /** Segments encrypted with AES-128; the key is next to them. */
  "hls-aes": "index.m3u8",
  /** SegmentTemplate, separate video and audio. */
  dash: "index.mpd",
  srt: "subtitle.srt",
  ass: "subtitle.ass",
  jpg: "picture.jpg",
} as const;

export type MediaKind = keyof typeof ENTRY;

/**
 * The path of a test file (for HLS and DASH: of its playlist or manifest, with the segments next to it).
 *
 * @example const file = await media("mp4", { seconds: 5 })
 */
export async function media(kind: MediaKind, options: MediaOptions = {}): Promise<string> {
  const key = createHash("sha256")
    .update(JSON.stringify([kind, argsFor(kind, settingsOf(options))]))
    .digest("hex");
  const folder = join(MEDIA_CACHE, `${kind}-${key.slice(0, 16)}`);
  const entry = join(folder, ENTRY[kind]);
  if (!existsSync(entry)) await make(kind, settingsOf(options), folder);
  return entry;
}

/**
 * A folder to serve: each name leads to a file, or for HLS and DASH to a folder with everything in it.
 *
 * @example await mediaFolder({ "direct.mp4": ["mp4"], hls: ["hls-ts", { seconds: 10 }] }) // …/hls/index.m3u8
 */
export async function mediaFolder(
  files: Readonly<Record<string, readonly [MediaKind, MediaOptions?]>>,
): Promise<string> {
  const made = Object.entries(files).map(async ([name, [kind, options]]) => {
    const entry = await media(kind, options);
    const isFolder = kind.startsWith("hls-") || kind === "dash";
    return { name, target: isFolder ? dirname(entry) : entry };
  });
  const links = await Promise.all(made);
  const key = createHash("sha256").update(JSON.stringify(links)).digest("hex").slice(0, 16);
  const folder = join(MEDIA_CACHE, `folder-${key}`);
  if (existsSync(folder)) return folder;
  await atomically(folder, async (staging) => {
    for (const { name, target } of links) {
      await mkdir(dirname(join(staging, name)), { recursive: true });
      await symlink(relative(dirname(join(folder, name)), target), join(staging, name));
    }
  });
  return folder;
}

/** A file of `bytes` zeros that takes no space on the disk, for transfer tests. The caller removes it. */
export async function sparseFile(path: string, bytes: number): Promise<void> {
  await writeFile(path, "");
  await truncate(path, bytes);
}

/** Bytes that differ at every position of 4, so that a shifted or repeated piece is detected. */
export function patternedBytes(bytes: number): Buffer {
  const body = Buffer.alloc(Math.ceil(bytes / 4) * 4);
  for (let at = 0; at < body.length; at += 4) body.writeUInt32BE((at * 2654435761) >>> 0, at);
  return body.subarray(0, bytes);
}

type Settings = Required<Omit<MediaOptions, "videoBitrate">> & Pick<MediaOptions, "videoBitrate">;

const settingsOf = (options: MediaOptions): Settings => ({
  seconds: 3,
  width: 320,
  height: 180,
  fps: 25,
  segmentSeconds: 1,
  ...options,
});

async function make(kind: MediaKind, settings: Settings, folder: string): Promise<void> {
  await atomically(folder, async (staging) => {
    if (kind === "srt" || kind === "ass") {
      await writeFile(join(staging, ENTRY[kind]), kind === "srt" ? SRT : ASS);
      return;
    }
    if (kind === "hls-aes") {
      await writeFile(join(staging, "media.key"), Buffer.from("0123456789abcdef"));
      await writeFile(join(staging, "key-info"), "media.key\nmedia.key\n");
    }
    await run("ffmpeg", ["-nostdin", "-v", "error", ...argsFor(kind, settings)], { cwd: staging });
  });
}

/** Fills a folder under a temporary name first, so that parallel test processes see all of it or nothing. */
export async function atomically(folder: string, fill: (staging: string) => Promise<void>): Promise<void> {
  const staging = `${folder}.${randomUUID()}`;
  await mkdir(staging, { recursive: true });
  try {
    await fill(staging);
    await rename(staging, folder);
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
}

function argsFor(kind: MediaKind, settings: Settings): string[] {
  const { seconds, width, height, fps, segmentSeconds, videoBitrate } = settings;
  const video = ["-f", "lavfi", "-i", `testsrc2=size=${width}x${height}:rate=${fps}:duration=${seconds}`];
  const tone = ["-f", "lavfi", "-i", `sine=frequency=440:sample_rate=44100:duration=${seconds}`];
  const rate = videoBitrate
    ? ["-b:v", "-minrate", "-maxrate", "-bufsize"].flatMap((name) => [name, String(videoBitrate)])
    : [];
  // filler makes the file as large as requested, however simple the video
  const filler = videoBitrate ? ["-x264-params", "nal-hrd=cbr"] : [];
  const keyframes = String(Math.max(1, Math.round(fps * segmentSeconds)));
  const h264 = [
    ..."-c:v libx264 -preset ultrafast -pix_fmt yuv420p -sc_threshold 0 -g".split(" "),
    keyframes,
    ...rate,
    ...filler,
  ];
  const aac = ["-c:a", "aac", "-b:a", "64k"];
  const both = [...video, ...tone, ...h264, ...aac];
  const hls = ["-f", "hls", "-hls_time", String(segmentSeconds), "-hls_playlist_type", "vod"];
  const entry = ENTRY[kind];
  switch (kind) {
    case "mp4":
      return [...both, "-movflags", "+faststart", entry];
    case "mp4-index-last":
      return [...both, entry];
    case "webm":
      return [
        ...video,
        ...tone,
        ..."-c:v libvpx-vp9 -cpu-used 8 -deadline realtime".split(" "),
        ...rate,
      ].concat("-c:a", "libopus", entry);
    case "webm-vp8-vorbis":
      return [
        ...video,
        ...tone,
        ..."-c:v libvpx -cpu-used 8 -deadline realtime -c:a libvorbis".split(" "),
        entry,
      ];
    case "mkv-h265-mp3":
      return [
        ...video,
        ...tone,
        ..."-c:v libx265 -preset ultrafast -x265-params log-level=error -c:a libmp3lame".split(" "),
        entry,
      ];
    case "mkv-h264-flac":
      return [...video, ...tone, ...h264, "-c:a", "flac", entry];
    case "mp4-av1-opus":
      return [
        ...video,
        ...tone,
        ..."-c:v libaom-av1 -cpu-used 8 -crf 50 -b:v 0 -c:a libopus -movflags +faststart".split(" "),
        entry,
      ];
    case "video-mp4":
      return [...video, ...h264, "-movflags", "+faststart", entry];
    case "video-fragments":
      return [...video, ...h264, "-movflags", "+frag_keyframe+delay_moov+default_base_moof", entry];
    case "audio-m4a":
      return [...tone, ...aac, "-movflags", "+faststart", entry];
    case "audio-mp3":
      return [...tone, "-c:a", "libmp3lame", "-b:a", "96k", entry];
    case "audio-opus":
      return [...tone, "-c:a", "libopus", entry];
    case "audio-vorbis":
      return [...tone, "-c:a", "libvorbis", entry];
    case "audio-flac":
      return [...tone, "-c:a", "flac", entry];
    case "hls-ts":
      return [...both, ...hls, "-hls_segment_filename", "segment-%03d.ts", entry];
    case "hls-aes":
      return [...both, ...hls, "-hls_key_info_file", "key-info", entry];
    case "hls-fmp4":
      return [
        ...both,
        ...hls,
        "-hls_segment_type",
        "fmp4",
        "-hls_segment_filename",
        "segment-%03d.m4s",
        entry,
      ];
    case "hls-byterange":
      return [...both, ...hls, "-hls_segment_type", "fmp4", "-hls_flags", "single_file", entry];
    case "dash":
      return [...both, "-f", "dash", "-seg_duration", String(segmentSeconds), "-use_template", "1"].concat(
        "-use_timeline",
        "0",
        "-adaptation_sets",
        "id=0,streams=v id=1,streams=a",
        entry,
      );
    case "jpg":
      return [...video, "-frames:v", "1", "-q:v", "3", entry];
    case "srt":
    case "ass":
      return [];
  }
}

const SRT = `1
00:00:00,500 --> 00:00:01,500
Hello <i>there</i>

2
00:00:01,600 --> 00:00:02,800
Zwei Zeilen,
Ünïcödé 🎬
`;

const ASS = `[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Bold, Italic, Alignment
Style: Default,Arial,20,&H00FFFFFF,0,0,2

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:00.50,0:00:01.50,Default,,0,0,0,,Hello {\\i1}there{\\i0}
Dialogue: 0,0:00:01.60,0:00:02.80,Default,,0,0,0,,Zwei Zeilen,\\NÜnïcödé 🎬
`;
