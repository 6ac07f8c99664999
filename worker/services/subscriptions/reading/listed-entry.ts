import { keyOfListed } from "../../sources/listing/entry-key.ts";
import type { ListedEntry } from "../../sources/listing/listing.ts";
import { isShortAddress, type SourceEntry } from "../source-entry.ts";

/** An entry of a list as one of a source that is followed. @param list title of the list */
export async function entryOf(listed: ListedEntry, list: string | null): Promise<SourceEntry> {
  const { url, mediaUrl, sourceId, title, description, releaseDate, skipped, facts } = listed;
  const { channel = null, publishedAt = null, duration = null, live = null } = facts ?? {};
  const date = Date.parse(releaseDate ?? "");
  const isAnnounced = live === "upcoming" || live === "live";
  return {
    key: await keyOfListed(listed),
    url,
    mediaUrl,
    sourceId,
    title,
    description,
    channel: channel ?? list,
    publishedAt: publishedAt ?? (Number.isNaN(date) ? null : date),
    duration,
    live,
    isShort: isShortAddress(url),
    state: skipped !== null ? "private" : isAnnounced ? live : null,
  };
}
