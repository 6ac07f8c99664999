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
export interface Listing {
  /** A single Spotify episode is a `spotify_show` with one entry. */
  readonly kind: Exclude<BatchKind, "bulk">;
  readonly title: string | null;
  /** At least one, at most {@link MAX_ENTRIES}. */
  readonly entries: readonly ListedEntry[];
}

/** Maximum number of entries of a list. */
export const MAX_ENTRIES = 5_000;

/** The error for a list that is too long. */
export const tooManyEntries = (most = MAX_ENTRIES): ApiError =>
  new ApiError("invalid_request", {
    sentence: `This list has more than ${most.toLocaleString("en")} entries, which is the limit of one request`,
  });

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
