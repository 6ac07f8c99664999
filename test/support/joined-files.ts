import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "vitest";
import { ByteStream } from "../../processor/media/isobmff/byte-stream.ts";
import { JoinedMovie } from "../../processor/media/isobmff/joined-movie.ts";
import { interleave, type MediaSource } from "../../processor/media/isobmff/media-source.ts";
import type { About } from "../../processor/media/isobmff/movie-boxes.ts";

/** Files that are joined, and how the tools see them. */

const run = promisify(execFile);
const { FFMPEG_PATH: ffmpegPath = "ffmpeg", FFPROBE_PATH: ffprobePath = "ffprobe" } = process.env;
export const TAGS = { title: "Ünïcode; a = b", artist: "Who", date: "2026-11-24" };
/** The precision, in decimal places of seconds, to which the timestamps of a film agree in all of its copies. */
const DIGITS = 3;

/** How bytes become a source. */
export type Open = (stream: ByteStream) => Promise<MediaSource>;

/** In pieces of all sizes. */
async function* pieces(file: Buffer): AsyncGenerator<Buffer[]> {
  for (let at = 0, size = 1; at < file.length; at += size, size = (size * 7 + 3) % 9001) {
    const half = at + (size >> 1);
    yield [file.subarray(at, half), file.subarray(half, at + size)];
  }
}

export const openAll = (open: Open, files: readonly Buffer[]): Promise<MediaSource[]> =>
  Promise.all(files.map((file) => open(new ByteStream(pieces(file)))));

/** @param roomBytes exact length of what comes before the media */
export async function joined(
  open: Open,
  files: readonly Buffer[],
  roomBytes?: number,
  about: Partial<About> = {},
): Promise<Buffer> {
  const sources = await openAll(open, files);
  const tracks = sources.flatMap((source) => source.tracks);
  const movie = new JoinedMovie(tracks, { brand: "isom", tags: TAGS, cover: null, chapters: [], ...about });
  const media: Buffer[] = [movie.opening];
  for await (const interleaved of interleave(sources)) {
    movie.add(interleaved);
    await interleaved.streamTo((chunk) => void media.push(Buffer.from(chunk)));
  }
  return Buffer.concat([movie.front(roomBytes).bytes, ...media]);
}

/**
 * When the last chunk of each kind of media begins, in seconds.
 *
 * @param apart how far audio and video may be apart at any time
 */
export async function lastChunks(
  sources: readonly MediaSource[],
  apart: number,
): Promise<{ vide: number; soun: number }> {
  const seconds = { vide: 0, soun: 0 };
  for await (const interleaved of interleave(sources)) {
    seconds[interleaved.track.kind as keyof typeof seconds] = interleaved.chunk.seconds;
    expect(Math.abs(seconds.vide - seconds.soun)).toBeLessThan(apart);
    await interleaved.streamTo(() => {});
  }
  return seconds;
}

/** The reason why files are not joined; null where they are. */
export const failureOf = (open: Open, ...files: readonly Buffer[]): Promise<unknown> =>
  joined(open, files).then(
    () => null,
    (error: unknown) => error,
  );

/** A copy with something changed. */
export function changed(file: Buffer, change: (file: Buffer) => void): Buffer {
  const copy = Buffer.from(file);
  change(copy);
  return copy;
}

/** A separate folder with the tools in it. */
export class MediaBench {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(): Promise<MediaBench> {
    return new MediaBench(await mkdtemp(join(tmpdir(), "join-")));
  }

  close = (): Promise<void> => rm(this.#folder, { recursive: true, force: true });

  read = (file: string): Promise<Buffer> => readFile(join(this.#folder, file));

  write = (file: string, content: string | Buffer): Promise<void> =>
    writeFile(join(this.#folder, file), content);

  ffmpeg = (...args: readonly string[]): Promise<{ stdout: string; stderr: string }> =>
    run(ffmpegPath, ["-nostdin", "-v", "error", "-y", ...args], { cwd: this.#folder, maxBuffer: 1 << 26 });

  ffprobe = async (...args: readonly string[]): Promise<string> => {
    const options = { cwd: this.#folder, maxBuffer: 1 << 26 };
    return (await run(ffprobePath, ["-v", "error", ...args], options)).stdout;
  };

  /** Everything that a player gets, packet by packet. */
  async packetsOf(file: string): Promise<Record<string, unknown>[][]> {
    const entries = "pts_time,dts_time,duration_time,size,flags,data_hash";
    const reported = await this.ffprobe(
      ...["-show_packets", "-show_data_hash", "md5", "-of", "json"],
      ...["-show_entries", `packet=stream_index,${entries}:packet_side_data`, file],
    );
    const { packets } = JSON.parse(reported) as { packets: Record<string, unknown>[] };
    const rounded = packets.map((packet) =>
      Object.fromEntries(
        Object.entries(packet).map(([name, value]) => [
          name,
          name.endsWith("_time") ? Number(Number(value).toFixed(DIGITS)) : value,
        ]),
      ),
    );
    return [0, 1].map((index) => rounded.filter((packet) => packet.stream_index === index));
  }

  async streamsOf(file: string): Promise<unknown> {
    const entries = [
      "codec_name,profile,codec_tag_string,width,height,sample_aspect_ratio,pix_fmt,sample_rate,channels",
      "nb_frames,start_time,extradata_hash:stream_tags=language:stream_disposition=default",
      ":format=start_time:format_tags=title,artist,date",
    ];
    return JSON.parse(
      await this.ffprobe(
        ...["-show_data_hash", "md5", "-of", "json"],
        ...["-show_entries", `stream=${entries[0]},${entries[1]}${entries[2]}`, file],
      ),
    );
  }

  /** Every decoded video frame and audio frame. */
  async decoded(file: string): Promise<string> {
    const { stdout, stderr } = await this.ffmpeg("-i", file, "-f", "framemd5", "-");
    expect(stderr).toBe("");
    return stdout.replaceAll(/^#.*\n/gm, "");
  }

  /** The same without the timestamps: for each stream, what is decoded, in its order. */
  async framesOf(file: string): Promise<string[][]> {
    const frames = (await this.decoded(file)).trim().split("\n");
    const fields = frames.map((frame) => frame.split(",").map((field) => field.trim()));
    return ["0", "1"].map((index) =>
      fields.filter(([stream]) => stream === index).map((frame) => frame.at(-1) ?? ""),
    );
  }
}
