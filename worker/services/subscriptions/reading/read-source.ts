import { judgeUrl } from "../../../../schema/address.ts";
import type { RequestContext } from "../../../context.ts";
import { ApiError } from "../../../lib/api-error.ts";
import { FeedError, openFeed, textOf } from "../../sources/listing/read-feed.ts";
import { recognise } from "../../sources/listing/recognise.ts";
import { type Hub, hubOfHeader, kindOfDocument, readDocument } from "../feed-document.ts";
import type { SourceEntry } from "../source-entry.ts";
import { MAX_FOLLOWED, type ReadingKeeper, readLongList, TooManyToFollowError } from "./read-long-list.ts";

/** How a source is read: as a document by the Worker, or by a processor. */
export type SourceKind = "document" | "list";

/** What is known of a source from its last reading. */
export interface KnownSource {
  readonly url: string;
  readonly kind: SourceKind | null;
  readonly etag: string | null;
  readonly lastModified: string | null;
}

/** A source as it is now. */
export interface ReadSource {
  readonly type: "read";
  readonly kind: SourceKind;
  readonly title: string | null;
  /** As the source orders them. */
  readonly entries: readonly SourceEntry[];
  readonly hub: Hub | null;
  readonly etag: string | null;
  readonly lastModified: string | null;
}

/**
 * The result of a reading; `unchanged`: the server says that nothing changed since the last one; `unfinished`: a long list
 * was read in part, and what was read is kept.
 */
export type SourceReading = ReadSource | { readonly type: "unchanged" } | { readonly type: "unfinished" };

/** A source that could not be read; the message is a sentence for people. */
export class SourceUnreadableError extends Error {
  override readonly name = "SourceUnreadableError";
  /** What the source asks to wait, in milliseconds. */
  readonly retryAfterMs: number | null;

  constructor(message: string, retryAfterMs: number | null = null) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

/** Longest time for reading a feed, in milliseconds. */
const DOCUMENT_MS = 30_000;

/**
 * Reads a source: a feed with one conditional request, everything else through a processor or the API of its service.
 *
 * @param keeper keeps the parts of a long list, so that a reading which breaks off is taken up again; null: none does
 * @throws SourceUnreadableError
 */
export async function readSource(
  context: RequestContext,
  known: KnownSource,
  keeper: ReadingKeeper | null,
): Promise<SourceReading> {
  try {
    const recognised = recognise(known.url, true);
    const isSite = recognised.type !== "playlist" || recognised.url !== known.url;
    if (!isSite && known.kind !== "list") {
      const document = await readFeed(context, known);
      if (document) return document;
    }
    return await readList(context, known.url, keeper);
  } catch (error) {
    if (error instanceof SourceUnreadableError) throw error;
    if (error instanceof TooManyToFollowError) throw new SourceUnreadableError(TOO_MANY);
    if (error instanceof FeedError)
      throw new SourceUnreadableError(sentence(error), error.retryAfterMs ?? null);
    if (error instanceof ApiError) {
      const { retryAfterSeconds } = error;
      throw new SourceUnreadableError(
        error.message,
        retryAfterSeconds === undefined ? null : retryAfterSeconds * 1000,
      );
    }
    throw error;
  }
}

const TOO_MANY = `This list has more than ${MAX_FOLLOWED.toLocaleString("en")} entries, which is the most that can be followed`;

const sentence = ({ message }: FeedError): string => message.charAt(0).toUpperCase() + message.slice(1);

/** Null if the document is no feed. */
async function readFeed(
  context: RequestContext,
  { url, kind, etag, lastModified }: KnownSource,
): Promise<SourceReading | null> {
  const limit = AbortSignal.timeout(DOCUMENT_MS);
  try {
    const { response, address } = await openFeed(context, url, limit, {
      ...(etag === null ? {} : { "if-none-match": etag }),
      ...(lastModified === null ? {} : { "if-modified-since": lastModified }),
    });
    if (response.status === 304) {
      await response.body?.cancel();
      return { type: "unchanged" };
    }
    const text = textOf(response);
    const { value: head = "" } = await text.next();
    const format = kindOfDocument(head);
    if (format === null) {
      await text.return(undefined);
      if (kind === "document") throw new SourceUnreadableError("The address no longer has a feed");
      return null;
    }
    const document = await readDocument(format, head, text, address);
    return {
      type: "read",
      kind: "document",
      title: document.title,
      hub: hubOfHeader(response.headers.get("link"), address) ?? document.hub,
      entries: document.entries.filter(({ url: entry }) => isPublic(context, entry)),
      etag: response.headers.get("etag"),
      lastModified: response.headers.get("last-modified"),
    };
  } catch (error) {
    if (error instanceof SourceUnreadableError) throw error;
    if (error instanceof FeedError) {
      // a page that refuses programs may still be one that a processor can list
      if (kind === null && !error.passes) return null;
      throw error;
    }
    throw new SourceUnreadableError(
      limit.aborted
        ? "The feed took too long"
        : "The connection to the feed broke off, or it is not well-formed",
    );
  }
}

const isPublic = ({ config }: RequestContext, url: string): boolean =>
  judgeUrl(new URL(url), config.allowedPrivateHosts).allowed;

async function readList(
  context: RequestContext,
  url: string,
  keeper: ReadingKeeper | null,
): Promise<ReadSource | { readonly type: "unfinished" }> {
  const recognised = recognise(url, true);
  if (recognised.type === "media" || recognised.type === "spotify_episode") {
    throw new SourceUnreadableError("The address is a single item, not a list");
  }
  // a channel without a video is one that has just begun
  const { title, entries, isWhole } = await readLongList(context, recognised, keeper);
  if (!isWhole) return { type: "unfinished" };
  return {
    type: "read",
    kind: "list",
    title,
    hub: hubOfChannel(url),
    entries,
    etag: null,
    lastModified: null,
  };
}

const CHANNEL = /^https:\/\/(?:www\.|m\.)?youtube\.com\/channel\/(UC[\w-]{22})(?:\/videos)?\/?$/;

/** YouTube pushes new videos of a channel whose id its address names. */
function hubOfChannel(url: string): Hub | null {
  const id = CHANNEL.exec(url)?.[1];
  return id === undefined
    ? null
    : {
        url: "https://pubsubhubbub.appspot.com/subscribe",
        topic: `https://www.youtube.com/xml/feeds/videos.xml?channel_id=${id}`,
      };
}
