import { itemParser, textOfElement as text } from "./item-parser.ts";
import { MAX_LISTED, usableUrl } from "./listing.ts";
import type { Described } from "./match-episodes.ts";

/** An item of a feed that has media. */
export interface FeedItem extends Described {
  readonly mediaUrl: string;
}

/** Longer items are skipped, in characters. */
const MAX_ITEM_LENGTH = 512 * 1024;

/**
 * Yields the items of an RSS feed while its text arrives: only one item is in memory at a time, so the size of the feed
 * does not matter. Text between items is skipped, and so are items without media.
 *
 * @param text the feed in pieces of any size
 * @param base of relative addresses; without it they are ignored
 */
export async function* feedItems(text: AsyncIterable<string>, base?: string): AsyncGenerator<FeedItem> {
  let count = 0;
  for await (const source of itemSources(text)) {
    const item = parseItem(source, base);
    if (item) yield item;
    if (++count === MAX_LISTED) return;
  }
}

const START = { item: /<item[\s>]/, entry: /<entry[\s>]/ } as const;
const MARK = {
  item: /<\/item\s*>|<!\[CDATA\[|<!--/g,
  entry: /<\/entry\s*>|<!\[CDATA\[|<!--/g,
} as const;
/** The element of an item: `item` in RSS, `entry` in Atom. */
export type ItemTag = keyof typeof START;
/** Longest beginning of a tag that may be at the end of a piece. */
const OVERLAP = 16;

/** The sources of a feed's items, one after the other. */
export async function* itemSources(
  text: AsyncIterable<string>,
  tag: ItemTag = "item",
): AsyncGenerator<string> {
  let pending = "";
  /** The item begins at position 0 of the pending text. */
  let isOpen = false;
  /** The end of the item was searched for up to here. */
  let searched = 0;
  for await (const piece of inPieces(text)) {
    pending += piece;
    for (;;) {
      if (!isOpen) {
        const start = pending.search(START[tag]);
        pending = pending.slice(start < 0 ? -OVERLAP : start);
        if (start < 0) break;
        isOpen = true;
        searched = 0;
      }
      const { end, from } = findEnd(pending, searched, tag);
      searched = from;
      if (end === null) {
        // its rest is skipped like text between items
        if (pending.length > MAX_ITEM_LENGTH) {
          isOpen = false;
          pending = pending.slice(-OVERLAP);
        }
        break;
      }
      yield pending.slice(0, end);
      pending = pending.slice(end);
      isOpen = false;
    }
  }
}

/** Pieces are collected, because a search restarts with each of them. */
const PIECE_LENGTH = 64 * 1024;

async function* inPieces(text: AsyncIterable<string>): AsyncGenerator<string> {
  let buffered: string[] = [];
  let length = 0;
  for await (const piece of text) {
    buffered.push(piece);
    length += piece.length;
    if (length < PIECE_LENGTH) continue;
    yield buffered.join("");
    buffered = [];
    length = 0;
  }
  if (length > 0) yield buffered.join("");
}

/** Where the item ends; `from` is where the search continues when there is more text. Quoted text and comments are skipped. */
function findEnd(text: string, start: number, tag: ItemTag): { end: number | null; from: number } {
  const marks = MARK[tag];
  let from = start;
  for (;;) {
    marks.lastIndex = from;
    const mark = marks.exec(text);
    if (!mark) return { end: null, from: Math.max(from, text.length - OVERLAP) };
    if (mark[0].startsWith("</")) return { end: marks.lastIndex, from };
    const closing = mark[0] === "<!--" ? "-->" : "]]>";
    const closed = text.indexOf(closing, marks.lastIndex);
    if (closed < 0) return { end: null, from: mark.index };
    from = closed + closing.length;
  }
}

const parser = itemParser({
  // long and not needed
  stopNodes: ["*.description", "*.content:encoded", "*.itunes:summary"],
  arrays: ["enclosure", "title"],
});

/** The data of an item; null if it has no media or cannot be read. */
export function parseItem(source: string, base?: string): FeedItem | null {
  const item = parse(source);
  if (!item) return null;
  const enclosures = Array.isArray(item.enclosure) ? (item.enclosure as Record<string, unknown>[]) : [];
  const mediaUrl = enclosures
    .map((enclosure) => addressIn(text(enclosure["@url"]), base, text(item["@xml:base"])))
    .find((url) => url !== null);
  const title = (Array.isArray(item.title) ? text(item.title[0]) : null) ?? text(item["itunes:title"]);
  if (mediaUrl === undefined || title === null) return null;
  const published = text(item.pubDate) ?? "";
  const date = Date.parse(published);
  return {
    mediaUrl,
    title,
    date: Number.isNaN(date) ? null : date,
    localDay: Number.isNaN(date) ? null : localDay(published),
    duration: readDuration(text(item["itunes:duration"]) ?? ""),
  };
}

function addressIn(address: string | null, base: string | undefined, ownBase: string | null): string | null {
  if (address === null || base === undefined) return usableUrl(address);
  const from = ownBase === null ? base : (URL.parse(ownBase, base)?.href ?? base);
  return usableUrl(URL.parse(address, from)?.href ?? null);
}

const DAY_MS = 24 * 60 * 60_000;

/** The day in the publisher's own time zone. @example localDay("Tue, 03 Nov 2026 23:30:00 -0500") */
function localDay(published: string): number | null {
  const written = /\d{1,2} [A-Za-z]{3,9} \d{4}/.exec(published)?.[0];
  const date = Date.parse(`${written} 00:00 UTC`);
  return Number.isNaN(date) ? null : Math.floor(date / DAY_MS);
}

function parse(source: string): Record<string, unknown> | null {
  try {
    const { item } = parser.parse(source) as { item?: unknown };
    return typeof item === "object" && item !== null ? (item as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/**
 * Seconds, from seconds, `MM:SS` or `HH:MM:SS`; null for anything else.
 *
 * @example readDuration("1:02:03") // 3723
 */
export function readDuration(value: string): number | null {
  if (!/^\d+(?:\.\d+)?$|^\d+(?::\d{1,2}){1,2}$/.test(value)) return null;
  const seconds = value.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
  return seconds > 0 ? seconds : null;
}
