import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { atomically, MEDIA_CACHE } from "../media.ts";
import {
  BASE_ARGS,
  CHAPTERS_TEXT,
  type Parts,
  type RecipeName,
  recipeOf,
  SUBTITLES_TEXT,
} from "./recipes.ts";

const run = promisify(execFile);
const ffmpeg = (args: readonly string[], cwd: string) =>
  run("ffmpeg", ["-nostdin", "-v", "error", "-y", ...args], { cwd });

let parts: Promise<Parts> | null = null;

/** Ingredients of recipes, made once. */
export function makeParts(): Promise<Parts> {
  parts ??= (async () => {
    const folder = join(MEDIA_CACHE, `parts-${hashOf([BASE_ARGS, CHAPTERS_TEXT, SUBTITLES_TEXT])}`);
    if (!existsSync(folder)) {
      await atomically(folder, async (staging) => {
        await writeFile(join(staging, "chapters.txt"), CHAPTERS_TEXT);
        await writeFile(join(staging, "text.srt"), SUBTITLES_TEXT);
        await ffmpeg([...BASE_ARGS, "base.mp4"], staging);
        const red = ["-f", "lavfi", "-i", "color=red:s=120x120:d=1", "-frames:v", "1", "cover.jpg"];
        await ffmpeg(red, staging);
      });
    }
    const [base, chapters] = [join(folder, "base.mp4"), join(folder, "chapters.txt")];
    return { base, chapters, cover: join(folder, "cover.jpg"), subtitles: join(folder, "text.srt") };
  })();
  return parts;
}

/** The file of a recipe, made on first use. @returns its path */
export async function makeFile(name: RecipeName): Promise<string> {
  const { args, extension } = recipeOf(name);
  const made = args(await makeParts());
  const folder = join(MEDIA_CACHE, `recipe-${hashOf([made, extension])}`);
  const file = `media.${extension}`;
  if (!existsSync(folder))
    await atomically(folder, async (staging) => void (await ffmpeg([...made, file], staging)));
  return join(folder, file);
}

/**
 * Pieces of HLS, as MPEG-TS or fragments of MP4, of one second each. @returns names and bytes, including the playlist
 */
export async function makeHls(kind: "mpegts" | "fmp4"): Promise<ReadonlyMap<string, Buffer>> {
  const { base } = await makeParts();
  const extension = kind === "mpegts" ? "ts" : "m4s";
  const args = [
    ...["-i", base, "-c", "copy", "-f", "hls", "-hls_time", "1", "-hls_playlist_type", "vod"],
    ...["-hls_segment_type", kind, "-hls_segment_filename", `%d.${extension}`, "index.m3u8"],
  ];
  const folder = join(MEDIA_CACHE, `hls-parts-${hashOf(args)}`);
  if (!existsSync(folder)) await atomically(folder, async (staging) => void (await ffmpeg(args, staging)));
  const names = [
    ...["index.m3u8", ...(kind === "fmp4" ? ["init.mp4"] : [])],
    ...[0, 1, 2, 3].map((index) => `${index}.${extension}`),
  ];
  const read = names.map(async (name) => [name, await readFile(join(folder, name))] as const);
  return new Map(await Promise.all(read));
}

const hashOf = (value: unknown): string =>
  createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 16);
