import type { Format } from "../containers.ts";
import { withoutLeading, withoutTrailing } from "../text.ts";

/** Longest object key that every provider accepts, in bytes of UTF-8. */
export const MAX_KEY_BYTES = 1024;
/** Longest name made from a title, in bytes of UTF-8, so that any folder still fits in front of it. */
const MAX_TITLE_BYTES = 200;

export interface KeyParts {
  readonly base_folder: string;
  readonly folder_prefix?: string | undefined;
  readonly folder?: string | undefined;
  /** Without extension. */
  readonly filename: string;
  readonly extension: Format | "vtt" | "jpg";
}

/**
 * The key of a delivered object: `base_folder/folder_prefix/folder/filename.ext`, without empty parts, with repeated
 * slashes collapsed.
 *
 * @example objectKey({ base_folder: "videos", folder: "a/b", filename: "c", extension: "mp4" }) // "videos/a/b/c.mp4"
 */
export function objectKey(parts: KeyParts): string {
  const key = [keyFolder(parts), `${parts.filename}.${parts.extension}`]
    .filter((part) => part !== "")
    .join("/");
  // a source may cut its title in the middle of a character, which no URL can represent
  return key.toWellFormed();
}

/**
 * The common part of the media's key and the keys of its extras: everything up to the last dot. Two jobs can write the
 * same object only if their stems are equal, since no subtitle or thumbnail has the extension of a media format.
 *
 * @example stemOf("videos/talk.mp4") // "videos/talk."
 */
export const stemOf = (key: string): string => key.slice(0, key.lastIndexOf(".") + 1);

/** The folder part of a key, without a trailing slash. @example keyFolder({ base_folder: "videos", folder: "a//b" }) // "videos/a/b" */
export function keyFolder(parts: Pick<KeyParts, "base_folder" | "folder_prefix" | "folder">): string {
  return [parts.base_folder, parts.folder_prefix ?? "", parts.folder ?? ""]
    .flatMap((folder) => folder.split("/"))
    .map((segment) => segment.trim())
    .filter((segment) => segment !== "" && segment !== "." && segment !== "..")
    .join("/");
}

/**
 * The name of a file if the caller chose none: `<title> [<source id>]`, without characters that paths, shells or
 * Windows refuse, never cut inside a character.
 *
 * @example defaultFilename("Big Buck Bunny: part 1/2", "aqz-KE-bpKQ") // "Big Buck Bunny part 1 2 [aqz-KE-bpKQ]"
 */
export function defaultFilename(title: string, sourceId: string): string {
  const suffix = sourceId === "" ? "" : ` [${cutBytes(clean(sourceId), 64)}]`;
  const name = cutBytes(clean(title), MAX_TITLE_BYTES - byteLength(suffix)).trim();
  return `${name === "" ? "media" : name}${suffix}`;
}

/** Removes control characters from a name that the caller chose. */
export function cleanFilename(name: string): string {
  return name.replace(CONTROL, "").trim();
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed here
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;

function clean(text: string): string {
  const spaced = text
    .normalize("NFC")
    .replace(CONTROL, " ")
    .replace(/[/\\:*?"<>|]+/g, " ")
    .replace(/\s+/g, " ");
  return withoutLeading(withoutTrailing(spaced, ". "), ". ");
}

/** Length in bytes of UTF-8. */
export const byteLength = (text: string): number => new TextEncoder().encode(text).length;

/** The longest prefix of at most `limit` bytes of UTF-8 that ends at a whole character. */
export function cutBytes(text: string, limit: number): string {
  let used = 0;
  let out = "";
  for (const character of text) {
    used += byteLength(character);
    if (used > limit) break;
    out += character;
  }
  return out;
}
