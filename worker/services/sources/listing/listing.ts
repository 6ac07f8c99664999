import type { BatchKind } from "../../../../schema/api/batch.ts";
import { MAX_URL_LENGTH } from "../../../../schema/api/job-request.ts";
import type { JobErrorCode } from "../../../../schema/errors.ts";
import { ApiError } from "../../../lib/api-error.ts";

/** What a URL asks for, decided by the URL alone. */
export type Recognised =
  /** One item, as far as the URL shows. */
  | { readonly type: "media" }
  /** A list that a processor reads. `url` is the list's own address. */
  | { readonly type: "playlist"; readonly url: string }
  | { readonly type: "spotify_show"; readonly id: string }
  | { readonly type: "spotify_episode"; readonly id: string };

/** What is listed before its jobs are created. */
export type RecognisedList = Exclude<Recognised, { type: "media" }>;

/** One item of a list. What the list does not state is null. */
export interface ListedEntry {
  /** As callers see it and as the job echoes it; the list's own address if an item has no usable one. */
  readonly url: string;
  /**
   * What is fetched for it: the open enclosure of a Spotify episode, or the enclosure of a feed, which is the URL itself.
   * The list then describes it better than the media does. Null: the URL is fetched, and its media describes it best.
   */
  readonly mediaUrl: string | null;
  /** The item's id at its source. */
  readonly sourceId: string | null;
  readonly title: string | null;
  /** At most as many characters as are stored. */
  readonly description: string | null;
  /** ISO 8601 date. */
  readonly releaseDate: string | null;
  /** Why there is nothing to deliver: its job ends `Skipped` at once. */
  readonly skipped: JobErrorCode | null;
  /** What subscriptions filter by; absent where a list is read without it. */
  readonly facts?: ListedFacts;
}

/** Further facts of a list's item. What the list does not state is null. */
export interface ListedFacts {
  /** The site whose id the item has. */
  readonly site: string | null;
  readonly channel: string | null;
  /** Epoch milliseconds. */
  readonly publishedAt: number | null;
  /** Seconds. */
  readonly duration: number | null;
  readonly live: "upcoming" | "live" | "was_live" | null;
}

/** A list, in its source's order. */
export interface WholeList {
  /** A single Spotify episode is a `spotify_show` with one entry. */
  readonly kind: Exclude<BatchKind, "bulk">;
  readonly title: string | null;
  readonly entries: readonly ListedEntry[];
}

/** The beginning of a list. */
export interface Listing extends WholeList {
  /** False if the list has more entries than were asked for. */
  readonly isWhole: boolean;
}

/** Maximum number of entries that one request lists; a longer list is read on after the response. */
export const MAX_ENTRIES = 5_000;

/** Maximum number of entries of a list. */
export const MAX_LISTED = 50_000;

/** Which part of a list is read, and how it is handed over. */
export interface ListRange {
  /** Entries at its beginning that are left out. */
  readonly skip: number;
  /** Number of entries after which the reading ends, counted from the beginning of the list. */
  readonly until: number;
  /** Number of entries of a part. */
  readonly size: number;
  /** Deadline of the reading, in milliseconds. */
  readonly timeoutMs: number;
}

/** Consecutive entries of a list. */
export interface ListPart extends WholeList {
  /** Position of the first of these entries in the list, from 0. */
  readonly start: number;
  /** The list ends with this part. False for the last part of a list that is longer than the range. */
  readonly isLast: boolean;
}

/** The parts of a list that was read as a whole: at least one, which may be empty. */
export function* inParts(
  { kind, title, entries }: WholeList,
  { skip, until, size }: Pick<ListRange, "skip" | "until" | "size">,
): Generator<ListPart> {
  const end = Math.min(entries.length, until);
  let start = Math.min(skip, end);
  do {
    const part = entries.slice(start, Math.min(start + size, end));
    yield { kind, title, start, entries: part, isLast: start + part.length === entries.length };
    start += part.length;
  } while (start < end);
}

/** The error for an empty list. */
export const noEntries = (): ApiError =>
  new ApiError("invalid_request", { sentence: "This list has no entries" });

/**
 * An address in the form for jobs; null if it is not usable.
 *
 * @example usableUrl("HTTPS://Media.example.com/a b.mp3") // "https://media.example.com/a%20b.mp3"
 */
export function usableUrl(text: string | null): string | null {
  const url = text === null ? null : URL.parse(text.trim());
  if (!url || (url.protocol !== "http:" && url.protocol !== "https:")) return null;
  return url.href.length <= MAX_URL_LENGTH ? url.href : null;
}
