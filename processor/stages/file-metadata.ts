import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Format } from "../../schema/containers.ts";
import type { Chapter } from "../media/isobmff/chapter-track.ts";
import type { Tags } from "../media/isobmff/movie-boxes.ts";
import type { Carried } from "../tools/carried.ts";
import type { Cover } from "./ffmpeg-args.ts";
import type { Source } from "./source.ts";

/** The part of a source that is delivered, in seconds of the source; null: up to the end, which is not stated. */
export interface Section {
  readonly start: number;
  readonly end: number | null;
}

/** What a file says about itself. */
export interface About {
  /** With the tool's names. */
  readonly tags: Readonly<Record<string, string>>;
  /** Of the whole source. */
  readonly chapters: readonly Chapter[];
}

/** What is known about a source, and what its file says about itself: the file wins where both say something. */
export function aboutOf(
  { chapters, releaseDate, title, uploader }: Source,
  carried: Pick<Carried, "tags" | "chapters"> | null,
): About {
  const known = { title, artist: uploader, date: releaseDate };
  const stated = Object.entries(known).flatMap(([name, value]) => (value === null ? [] : [[name, value]]));
  return {
    tags: { ...Object.fromEntries(stated), ...carried?.tags },
    chapters: chapters.length > 0 ? chapters : (carried?.chapters ?? []),
  };
}

/** The metadata of files that are written here; null if they cannot hold all of it. */
export function shortTags({ tags }: About): Tags | null {
  const { title = null, artist = null, date = null, ...others } = tags;
  return Object.keys(others).length > 0 ? null : { title, artist, date };
}

/**
 * Writes the metadata for the file to the work folder: title, artist, date, the chapters of the delivered section, and
 * for Ogg the cover.
 *
 * @returns path and size of the text file
 */
export async function writeMetadata(
  folder: string,
  about: About,
  { format, section, cover }: { format: Format; section: Section; cover: Cover | null },
): Promise<{ path: string; bytes: number }> {
  const tags: Record<string, string | null> = {
    ...about.tags,
    METADATA_BLOCK_PICTURE:
      cover !== null && isOgg(format) ? imageBlock(await readFile(cover.path)).toString("base64") : null,
  };
  const text = metadataText(tags, chaptersWithin(about.chapters, section));
  const path = join(folder, "metadata.txt");
  await writeFile(path, text);
  return { path, bytes: Buffer.byteLength(text) };
}

const isOgg = (format: Format): boolean => format === "ogg" || format === "opus";

/**
 * The chapters that a section shows, with times from its start.
 *
 * @example chaptersWithin([{ start: 0, end: 60, title: "A" }], { start: 50, end: 55 }) // [{ start: 0, end: 5, title: "A" }]
 */
export function chaptersWithin(chapters: readonly Chapter[], { start, end }: Section): Chapter[] {
  const last = end ?? Number.POSITIVE_INFINITY;
  return chapters
    .filter((chapter) => chapter.end > start && chapter.start < last)
    .map((chapter) => ({
      start: Math.max(0, chapter.start - start),
      end: Math.min(chapter.end, last) - start,
      title: chapter.title,
    }));
}

/** The text that ffmpeg reads as metadata; every special character is escaped, so no title can inject another tag. */
export function metadataText(
  tags: Readonly<Record<string, string | null>>,
  chapters: readonly Chapter[],
): string {
  const lines = Object.entries(tags).flatMap(([name, value]) =>
    value === null ? [] : [`${name}=${escaped(value)}`],
  );
  const sections = chapters.flatMap(({ start, end, title }) => [
    ...["[CHAPTER]", "TIMEBASE=1/1000"],
    ...[`START=${Math.round(start * 1000)}`, `END=${Math.round(end * 1000)}`, `title=${escaped(title)}`],
  ]);
  return [";FFMETADATA1", ...lines, ...sections, ""].join("\n");
}

const escaped = (value: string): string =>
  value
    .replaceAll("\0", "")
    .replace(/\r\n?/g, "\n")
    .replace(/[=;#\\\n]/g, "\\$&");

const FRONT_COVER = 3;

/** An image in the format of FLAC and Ogg. Width and height may be 0: the image states them itself. */
function imageBlock(jpeg: Buffer): Buffer {
  const mime = Buffer.from("image/jpeg");
  const head = Buffer.alloc(8);
  head.writeUInt32BE(FRONT_COVER, 0);
  head.writeUInt32BE(mime.length, 4);
  const tail = Buffer.alloc(24);
  tail.writeUInt32BE(jpeg.length, 20);
  return Buffer.concat([head, mime, tail, jpeg]);
}
