import type { Backfill, EntryStatus } from "../../../schema/api/subscriptions/subscription.ts";
import type { SourceEntry } from "./source-entry.ts";

/**
 * With which status the entries that a source has at the beginning are recorded, by key: `new` for those that are
 * delivered.
 *
 * @param entries the oldest first
 * @param createdAt of the subscription: what was published since then is always new
 */
export function backfillOf(
  backfill: Backfill,
  entries: readonly Pick<SourceEntry, "key" | "publishedAt">[],
  createdAt: number,
): ReadonlyMap<string, Extract<EntryStatus, "new" | "seen">> {
  const newest =
    backfill.type === "last" ? new Set(entries.slice(-backfill.count).map(({ key }) => key)) : null;
  const since = backfill.type === "since" ? Date.parse(backfill.date) : null;
  const isNew = ({ key, publishedAt }: Pick<SourceEntry, "key" | "publishedAt">): boolean => {
    if (publishedAt !== null && publishedAt >= createdAt) return true;
    if (newest) return newest.has(key);
    if (since !== null) return publishedAt !== null && publishedAt >= since;
    return backfill.type === "all";
  };
  return new Map(entries.map((entry) => [entry.key, isNew(entry) ? "new" : "seen"]));
}

/** Entries in the order of their publication, the oldest first: by date where all have one, else as the source lists them. */
export function inOrder<T extends Pick<SourceEntry, "publishedAt">>(entries: readonly T[]): T[] {
  const reversed = [...entries].reverse();
  if (entries.some(({ publishedAt }) => publishedAt === null)) return reversed;
  return reversed.sort((one, other) => (one.publishedAt ?? 0) - (other.publishedAt ?? 0));
}
