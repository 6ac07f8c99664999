/** Why an entry cannot be delivered yet, as its source lists it; null: it can. */
export type EntryState = "upcoming" | "live" | "private" | null;

/** An entry as a source lists it. What the source does not state is null. */
export interface SourceEntry {
  /** Identity, see `keyOf`. */
  readonly key: string;
  readonly url: string;
  /** What is fetched for it, if the source describes it better than its media does. */
  readonly mediaUrl: string | null;
  readonly sourceId: string | null;
  readonly title: string | null;
  readonly description: string | null;
  readonly channel: string | null;
  /** Epoch milliseconds. */
  readonly publishedAt: number | null;
  /** Seconds. */
  readonly duration: number | null;
  readonly live: "upcoming" | "live" | "was_live" | null;
  readonly isShort: boolean | null;
  readonly state: EntryState;
}

/** Whether an address shows that it leads to a vertical short video; null if it shows nothing. */
export const isShortAddress = (address: string): boolean | null =>
  /^https?:\/\/(?:www\.|m\.)?(?:youtube\.com\/shorts\/|tiktok\.com\/@[^/]+\/video\/)/.test(address)
    ? true
    : null;

/** Descriptions are kept shorter than the source's, because thousands of entries are kept. */
const KEPT_DESCRIPTION = 500;
export const shortened = (entry: SourceEntry): SourceEntry =>
  (entry.description?.length ?? 0) > KEPT_DESCRIPTION
    ? { ...entry, description: `${entry.description?.slice(0, KEPT_DESCRIPTION - 1).toWellFormed()}…` }
    : entry;

/** Of entries with the same identity, the first one. */
export const distinct = (entries: readonly SourceEntry[]): SourceEntry[] =>
  [...new Map([...entries].reverse().map((entry) => [entry.key, entry])).values()].reverse();
