import { z } from "zod";
import { shownUrl } from "../../../schema/shown-url.ts";
import type { RequestContext } from "../../context.ts";
import type { EntryRow, OfferedEntry } from "../../db/subscriptions/entry-rows.ts";
import type { SourceEntry } from "./source-entry.ts";

const Urls = z.object({ url: z.string(), media_url: z.string().nullable() });
type Urls = z.infer<typeof Urls>;

/** An entry in the form for the database: its addresses without secrets, and whole ones sealed with the feed's id. */
export async function offeredOf(
  { sealer }: Pick<RequestContext, "sealer">,
  feedId: string,
  entry: SourceEntry,
  { position, isTail }: { position: number; isTail: boolean },
): Promise<OfferedEntry> {
  const urls: Urls = { url: entry.url, media_url: entry.mediaUrl };
  const shown: Urls = {
    url: shownUrl(entry.url),
    media_url: entry.mediaUrl === null ? null : shownUrl(entry.mediaUrl),
  };
  const isHidden = shown.url !== urls.url || shown.media_url !== urls.media_url;
  const sealed = isHidden
    ? await sealer.seal(JSON.stringify(urls), { owner: feedId, purpose: "feed.entry" })
    : null;
  return {
    key: entry.key,
    position,
    url: shown.url.toWellFormed(),
    media_url: shown.media_url?.toWellFormed() ?? null,
    sealed_urls: sealed?.sealed ?? null,
    sealing_key_id: sealed?.key_id ?? null,
    source_id: entry.sourceId,
    title: entry.title?.toWellFormed() ?? null,
    description: entry.description?.toWellFormed() ?? null,
    channel: entry.channel?.toWellFormed() ?? null,
    published_at: entry.publishedAt,
    duration: entry.duration,
    live: entry.live,
    is_short: entry.isShort,
    reason: entry.state,
    is_tail: isTail,
  };
}

/** The whole addresses of an entry. @throws UnsealError */
export async function openEntryUrls(
  { sealer }: Pick<RequestContext, "sealer">,
  feedId: string,
  { url, media_url, sealed_urls }: Pick<EntryRow, "url" | "media_url" | "sealed_urls">,
): Promise<Urls> {
  if (sealed_urls === null) return { url, media_url };
  return Urls.parse(JSON.parse(await sealer.open(sealed_urls, { owner: feedId, purpose: "feed.entry" })));
}
