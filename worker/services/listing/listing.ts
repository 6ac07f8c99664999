import type { BatchKind } from "../../../schema/api/batch.ts";
import type { JobErrorCode } from "../../../schema/errors.ts";

/** What a URL asks for, judged by the URL alone. */
export type Recognised =
  /** One item, as far as the URL tells. */
  | { readonly type: "media" }
  /** A list that a processor takes apart. `url` is the list's own address. */
  | { readonly type: "playlist"; readonly url: string }
  | { readonly type: "spotify_show"; readonly id: string }
  | { readonly type: "spotify_episode"; readonly id: string };

/** One item of a list. What the list does not tell is null. */
export interface ListedEntry {
  /** As callers see it and as the job echoes it. */
  readonly url: string;
  /** What is fetched in its place, where the URL itself holds no media: the open enclosure of a Spotify episode. */
  readonly mediaUrl: string | null;
  /** The item's id at its source. */
  readonly sourceId: string | null;
  readonly title: string | null;
  readonly description: string | null;
  /** ISO 8601 date. */
  readonly releaseDate: string | null;
  /** Why there is nothing to deliver: its job ends `Skipped` at once. */
  readonly skipped: JobErrorCode | null;
}

/** A list in its source's order. */
export interface Listing {
  readonly kind: Exclude<BatchKind, "bulk">;
  readonly title: string | null;
  readonly entries: readonly ListedEntry[];
}
