import { cutText, MAX_DESCRIPTION } from "../../../schema/text.ts";
import { keyOf } from "../sources/listing/entry-key.ts";
import { type ItemTag, itemSources, readDuration } from "../sources/listing/feed-items.ts";
import { itemParser, textOfElement as text } from "../sources/listing/item-parser.ts";
import { usableUrl } from "../sources/listing/listing.ts";
import { baseOf, joined } from "../sources/listing/read-feed.ts";
import { isShortAddress, type SourceEntry } from "./source-entry.ts";

/** Where a feed's new items are pushed from (WebSub). */
export interface Hub {
  readonly url: string;
  /** The address by which the hub knows the feed. */
  readonly topic: string;
}

/** A feed, its newest item first as far as the feed keeps that order. */
export interface FeedDocument {
  readonly title: string | null;
  readonly entries: readonly SourceEntry[];
  readonly hub: Hub | null;
}

/** Most items that are read. */
const MAX_ITEMS = 10_000;
/** Longest text before the first item that is searched for title and hub, in characters. */
const MAX_FRONT = 256 * 1024;

type FeedKind = "rss" | "atom" | "json";

/** The kind of a feed by its beginning; null for anything else. */
export function kindOfDocument(head: string): FeedKind | null {
  const start = head.replace(/^\uFEFF/, "").trimStart();
  if (start.startsWith("{")) return start.slice(0, 2000).includes("jsonfeed.org/version") ? "json" : null;
  const root = /<(rss|rdf:RDF|feed)[\s>]/.exec(start.slice(0, 4096))?.[1];
  if (root === undefined || !start.startsWith("<") || /^<!doctype html|^<html/i.test(start)) return null;
  return root === "feed" ? "atom" : "rss";
}

/**
 * Reads a feed (RSS, Atom or JSON). Only one item of XML is in memory at a time.
 *
 * @param head the beginning of the text, at least a few kilobytes unless the feed is shorter
 * @param address that the feed was read from
 */
export async function readDocument(
  kind: FeedKind,
  head: string,
  rest: AsyncIterable<string>,
  address: string,
): Promise<FeedDocument> {
  if (kind === "json") return readJson(head, rest, address);
  const tag: ItemTag = kind === "atom" ? "entry" : "item";
  const base = baseOf(head, address);
  const front = new Front(tag);
  const found: Raw[] = [];
  for await (const source of itemSources(front.watch(joined(head, rest)), tag)) {
    const raw = parseItem(source, tag, base);
    if (raw) found.push(raw);
    if (found.length === MAX_ITEMS) break;
  }
  const facts = readFront(front.text, address);
  return { ...facts, entries: await entriesOf(found, facts.title) };
}

/** An item before its identity is known. */
interface Raw extends Omit<SourceEntry, "key" | "url" | "state"> {
  readonly guid: string | null;
  readonly page: string | null;
  readonly site: string | null;
}

/** Items without media are left out of a feed that has media; of other feeds, their pages are the entries. */
async function entriesOf(found: readonly Raw[], channel: string | null): Promise<SourceEntry[]> {
  const hasMedia = found.some(({ mediaUrl }) => mediaUrl !== null);
  const usable = found.flatMap(({ guid, page, site, ...raw }) => {
    const url = hasMedia ? raw.mediaUrl : page;
    return url === null ? [] : [{ raw, url, identity: { site, id: raw.sourceId, guid, address: url } }];
  });
  return Promise.all(
    usable.map(async ({ raw, url, identity }) => ({
      ...raw,
      key: await keyOf(identity),
      url,
      channel: raw.channel ?? channel,
      isShort: isShortAddress(url),
      state: null,
    })),
  );
}

/** Passes a text on and keeps its part before the first item. */
class Front {
  text = "";
  #isOver = false;
  readonly #start: string;

  constructor(tag: ItemTag) {
    this.#start = `<${tag}`;
  }

  async *watch(pieces: AsyncIterable<string>): AsyncGenerator<string> {
    for await (const piece of pieces) {
      if (!this.#isOver) {
        this.text += piece;
        const at = this.text.search(this.#start);
        this.#isOver = at >= 0 || this.text.length > MAX_FRONT;
        if (at >= 0) this.text = this.text.slice(0, at);
      }
      yield piece;
    }
  }
}

const LINK = /<(?:atom:|atom10:)?link\b([^<>]{0,2000})>/g;
const ATTRIBUTE = /([a-z:]{1,20})\s{0,9}=\s{0,9}(?:"([^"]{0,2000})"|'([^']{0,2000})')/gi;

function readFront(front: string, address: string): Pick<FeedDocument, "title" | "hub"> {
  const links = [...front.matchAll(LINK)].map(([, attributes = ""]) =>
    Object.fromEntries(
      [...attributes.matchAll(ATTRIBUTE)].map(([, name = "", one, other]) => [
        name.toLowerCase(),
        decoded(one ?? other ?? ""),
      ]),
    ),
  );
  const hrefOf = (rel: string) =>
    usableUrl(URL.parse(links.find((link) => link.rel === rel)?.href ?? "", address)?.href ?? null);
  const hub = links.some(({ rel }) => rel === "hub") ? hrefOf("hub") : null;
  const self = links.some(({ rel }) => rel === "self") ? hrefOf("self") : null;
  const title = between(front, "<title", "</title>");
  return {
    title: title === undefined ? null : plain(title, 500),
    hub: hub === null ? null : { url: hub, topic: self ?? address },
  };
}

/** The content of the first element with this beginning and end. */
function between(text: string, start: string, end: string): string | undefined {
  const from = text.indexOf(">", text.indexOf(start));
  const until = text.indexOf(end, from);
  return text.includes(start) && from >= 0 && until >= 0 ? text.slice(from + 1, until) : undefined;
}

/** The hub that the header `Link` of a response names. @example hubOfHeader('<https://hub.example/>; rel="hub"', "…") */
export function hubOfHeader(header: string | null, address: string): Hub | null {
  if (header === null) return null;
  const links = [...header.matchAll(/<([^<>]{1,2000})>([^<>]{0,500})/g)];
  const find = (rel: string) => {
    const found = links.find(([, , parameters = ""]) =>
      (/rel\s{0,9}=\s{0,9}"?([^",;]{0,100})/i.exec(parameters)?.[1] ?? "").trim().split(/\s+/).includes(rel),
    );
    return found ? usableUrl(URL.parse(found[1] ?? "", address)?.href ?? null) : null;
  };
  const url = find("hub");
  return url === null ? null : { url, topic: find("self") ?? address };
}

const parser = itemParser({
  // may hold markup that is not well-formed
  stopNodes: ["*.description", "*.content:encoded", "*.itunes:summary", "*.summary", "*.content"],
  arrays: ["enclosure", "link", "media:content"],
});

type Members = Readonly<Record<string, unknown>>;

/** The data of an item; null if it cannot be read. */
function parseItem(source: string, tag: ItemTag, base: string): Raw | null {
  let item: Members;
  try {
    item = (parser.parse(source) as Record<string, Members>)[tag] ?? {};
  } catch {
    return null;
  }
  const ownBase = URL.parse(text(item["@xml:base"]) ?? "", base)?.href ?? base;
  const address = (value: unknown) => usableUrl(URL.parse(text(value) ?? "", ownBase)?.href ?? null);
  const links = list(item.link);
  const group = typeof item["media:group"] === "object" ? ((item["media:group"] ?? {}) as Members) : {};
  const enclosures = [
    ...list(item.enclosure).map((member) => ({ url: text(attribute(member, "url")), type: typeOf(member) })),
    ...links
      .filter((link) => attribute(link, "rel") === "enclosure")
      .map((link) => ({ url: text(attribute(link, "href")), type: typeOf(link) })),
    ...[...list(item["media:content"]), ...list(group["media:content"])]
      .map((member) => ({ url: text(attribute(member, "url")), type: typeOf(member) }))
      .filter(({ type }) => PLAYABLE.test(type)),
  ].filter(({ url }) => url !== null);
  const chosen = enclosures.find(({ type }) => PLAYABLE.test(type)) ?? enclosures[0];
  const alternate = links.find((link) => (attribute(link, "rel") ?? "alternate") === "alternate");
  const published = text(item.pubDate) ?? text(item.published) ?? text(item["dc:date"]) ?? text(item.updated);
  const date = Date.parse(published ?? "");
  const youtube = text(item["yt:videoId"]);
  const id = youtube ?? null;
  return {
    guid: text(item.guid) ?? text(item.id),
    page: alternate === undefined ? null : address(attribute(alternate, "href") ?? alternate),
    site: youtube === null ? null : "youtube",
    sourceId: id,
    mediaUrl: youtube === null && chosen ? address(chosen.url) : null,
    title: textOrNull(item.title) ?? text(item["itunes:title"]) ?? textOrNull(group["media:title"]),
    description: shortened(
      text(item.description) ?? text(item.summary) ?? text(item["itunes:summary"]) ?? text(item.content),
    ),
    channel: text((item.author as Members | undefined)?.name) ?? null,
    publishedAt: Number.isNaN(date) ? null : date,
    duration: readDuration(text(item["itunes:duration"]) ?? ""),
    live: null,
    isShort: null,
  };
}

const PLAYABLE = /^(?:audio|video)\//i;

const attribute = (member: unknown, name: string): unknown =>
  typeof member === "object" && member !== null ? (member as Members)[`@${name}`] : undefined;
const typeOf = (member: unknown): string => text(attribute(member, "type")) ?? "";
const list = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? value : value === undefined ? [] : [value];
const textOrNull = (value: unknown): string | null => text(Array.isArray(value) ? value[0] : value);

const shortened = (value: string | null): string | null => (value === null ? null : plain(value, 1000));

/** Markup without its tags, for people. */
function plain(markup: string, max: number): string | null {
  const bare = decoded(
    markup
      .slice(0, 4 * MAX_DESCRIPTION)
      .replaceAll("<![CDATA[", "")
      .replaceAll("]]>", ""),
  )
    .replace(/<[^<>]*>/g, " ")
    .replace(/\s+/g, " ")
    .trim();
  return bare === "" ? null : cutText(bare, max);
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&apos;": "'",
  "&#39;": "'",
  "&#039;": "'",
  "&nbsp;": " ",
  "&amp;": "&",
};
const decoded = (value: string): string =>
  value.replace(/&(?:lt|gt|quot|apos|#0?39|nbsp|amp);/g, (entity) => ENTITIES[entity] ?? entity);

async function readJson(head: string, rest: AsyncIterable<string>, address: string): Promise<FeedDocument> {
  let whole = "";
  for await (const piece of joined(head, rest)) whole += piece;
  const feed = JSON.parse(whole.replace(/^\uFEFF/, "")) as Members;
  const items = list(feed.items)
    .slice(0, MAX_ITEMS)
    .filter((item) => typeof item === "object" && item !== null);
  const found = (items as Members[]).map((item): Raw => {
    const attached = list(item.attachments) as Members[];
    const media = attached.find((member) => PLAYABLE.test(text(member.mime_type) ?? "")) ?? attached[0];
    const resolve = (value: unknown) => usableUrl(URL.parse(text(value) ?? "", address)?.href ?? null);
    const date = Date.parse(text(item.date_published) ?? "");
    const seconds = media?.duration_in_seconds;
    return {
      guid: typeof item.id === "number" ? String(item.id) : text(item.id),
      page: resolve(item.url),
      site: null,
      sourceId: null,
      mediaUrl: media ? resolve(media.url) : null,
      title: text(item.title),
      description: shortened(text(item.summary) ?? text(item.content_text) ?? text(item.content_html)),
      channel: null,
      publishedAt: Number.isNaN(date) ? null : date,
      duration: typeof seconds === "number" && seconds > 0 ? seconds : null,
      live: null,
      isShort: null,
    };
  });
  const [hub] = list(feed.hubs) as Members[];
  const hubUrl = usableUrl(text(hub?.url));
  const title = text(feed.title);
  return {
    title,
    hub: hubUrl === null ? null : { url: hubUrl, topic: usableUrl(text(feed.feed_url)) ?? address },
    entries: await entriesOf(found, title),
  };
}
