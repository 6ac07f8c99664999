import type { HttpClient } from "../egress/http-client.ts";
import { MissingMedia } from "../egress/missing-media.ts";
import { headersFor } from "../egress/source-headers.ts";
import { ByteGate, Prefetched } from "../egress/source-prefetch.ts";
import {
  type ChunkSink,
  collectSpan,
  openSpan,
  type SourceRequest,
  streamRange,
} from "../egress/source-read.ts";
import { ServiceFault, SourceFault } from "../fault.ts";
import type { RetryClock } from "../retry.ts";
import { withoutImage } from "./hidden-segment.ts";
import { decrypted, inlineBytes, KeyRing } from "./key.ts";
import { type MediaPlaylist, parsePlaylist } from "./model.ts";
import { MAX_PLAYLIST_BYTES } from "./playlist-lines.ts";
import { type HlsResource, printPlaylist } from "./print.ts";
import { withBreaks, withSharedBreak } from "./transport-stream.ts";
import type { Variables } from "./variables.ts";
import { type CutPlaylist, cutPlaylist, type TimeWindow } from "./window.ts";

export interface HlsSourceOptions {
  /** Of the master or media playlist. */
  readonly url: string;
  /** Cookies among them go only to the host of `url`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Segments of one playlist fetched at once, the one being read included. Default 6. */
  readonly connections?: number;
  readonly signal: AbortSignal;
  /** Only the segments that cover this part are shown, where the presentation has an end. */
  readonly window?: TimeWindow | undefined;
  /** Most bytes that a reader may get of all segments together. */
  readonly maxBytes?: number | undefined;
  /** Called with the number of bytes of each chunk that arrives. */
  readonly onBytes?: (bytes: number) => void;
  /** Memory for segments that are not read yet. Default 32 MiB. */
  readonly bufferBytes?: number;
  readonly clock?: RetryClock;
}

/** What a path of an HLS source stands for, ready to be sent. */
export type HlsResponse =
  | { readonly kind: "playlist"; readonly text: string }
  | { readonly kind: "media"; readonly body: AsyncIterable<Buffer[]> };

/** Only a tool can make one stream of media of a presentation. */
export class NotConcatenableError extends Error {}

/** A playlist that was read, and what is mounted for it. */
interface OpenedPlaylist {
  readonly text: string;
  readonly resources: readonly HlsResource[];
  /** Null for a list of playlists. */
  readonly media: MediaPlaylist | null;
}

/** Segments that share a clock and an initialisation. */
export interface PresentationPart {
  readonly part: number;
  /** As announced. */
  readonly seconds: number;
}

/** Lists of playlists that name lists of playlists, at most. */
const MAX_LISTS = 4;

interface Entry {
  readonly resource: HlsResource;
  readonly path: string;
  /** What a playlist with an end was found to be: it is not asked for again. */
  playlist: OpenedPlaylist | null;
  /** What the list of playlists that named this one defines. */
  readonly imported: Variables;
  /** The segments of its playlist, in order, as last read; a key or a map has no neighbours. */
  siblings: readonly Entry[];
  stream: Prefetched | null;
  /** Bytes of it that a reader got. */
  served: number;
}

/**
 * An HLS presentation under paths of our own: playlists are rewritten to them, segments are fetched ahead of the
 * reader side by side. A reader starts at {@link entryPath} and meets no other host.
 */
export class HlsSource {
  /** Path of the first playlist. */
  readonly entryPath: string;
  /** Bytes of media received so far. */
  bytesRead = 0;
  /** Requests that had to be repeated so far. */
  retries = 0;
  /** Segments handed out so far. */
  segmentsRead = 0;
  /** True once a playlist without an end was read. */
  isLive = false;
  /** What a window left of the media playlist that was read last; null before, and where nothing was cut. */
  cut: Pick<CutPlaylist, "startSeconds" | "totalSeconds"> | null = null;
  readonly #client: HttpClient;
  readonly #options: HlsSourceOptions;
  readonly #gate: ByteGate;
  readonly #first: HlsResource;
  readonly #entries = new Map<string, Entry>();
  readonly #paths = new Map<string, string>();
  /** Bytes that readers got, those that were read again counted once. */
  #served = 0;
  /** What each playlist named when it was last read, and the time before: a live reader may lag behind. */
  readonly #named = new Map<string, readonly [readonly Entry[], readonly Entry[]]>();
  readonly #keys: KeyRing;
  readonly #missing = new MissingMedia();
  #count = 0;

  constructor(client: HttpClient, options: HlsSourceOptions) {
    this.#client = client;
    this.#options = options;
    this.#gate = new ByteGate(options.bufferBytes ?? 32 << 20);
    this.#keys = new KeyRing((url, maxBytes) =>
      collectSpan(client, this.#request(url, options.signal), { start: 0 }, maxBytes),
    );
    this.#first = { kind: "playlist", url: options.url, extension: ".m3u8", part: 0, seconds: null };
    this.entryPath = this.#enter(this.#first).path;
  }

  /**
   * What a path stands for; null for a path that was never given out.
   *
   * @param signal ends the body, also while its reader waits for bytes
   * @param borrowed a batch of the body is the reader's only until it asks for the next one: its memory is used again
   * @throws Fault as `openRangeSource`, and as `rewritePlaylist`
   */
  async open(path: string, signal?: AbortSignal, borrowed = false): Promise<HlsResponse | null> {
    const entry = this.#entries.get(path);
    if (!entry) return null;
    if (entry.resource.kind === "playlist") {
      return { kind: "playlist", text: (await this.#playlist(entry)).text };
    }
    this.#fetchAhead(entry);
    const body = this.#media(entry, signal, borrowed);
    // segments need not count on from each other, which no tool knows
    return { kind: "media", body: entry.resource.kind === "segment" ? withBreaks(body) : body };
  }

  /**
   * All media as one stream; in a transport stream, an empty packet stands in front of each segment. A batch is the
   * reader's only until it asks for the next one. Anyone who leaves early may still {@link open} everything.
   *
   * @param signal ends the stream, also while its reader waits for bytes
   * @throws NotConcatenableError where it has several parts, or only a tool can read it; Fault as {@link open}
   */
  async *read(signal: AbortSignal): AsyncGenerator<Buffer[]> {
    const { media } = await this.#playlist(this.#enter(this.#first));
    if (!media?.hasEnded || partsOf(media).length > 1)
      throw new NotConcatenableError("the pieces of the presentation are no stream");
    yield* this.readPart(0, signal);
  }

  /**
   * One part of the presentation as one stream.
   *
   * @param index of {@link parts}
   * @throws as {@link read}
   */
  async *readPart(index: number, signal: AbortSignal): AsyncGenerator<Buffer[]> {
    const { media, resources } = await this.#mediaPlaylist();
    const part = media && partsOf(media)[index]?.part;
    const its = resources.filter((resource) => resource.part === part);
    if (its.some(({ kind }) => kind === "key"))
      throw new NotConcatenableError("the samples of the presentation are encrypted");
    for (const resource of its) {
      const entry = this.#enter(resource);
      this.#fetchAhead(entry);
      yield* withSharedBreak(this.#media(entry, signal, true));
    }
  }

  /**
   * The parts of the presentation, each with a clock and an initialisation of its own; empty while it is live, and where
   * only a tool can read it. Of a master playlist, those of the first one that it names.
   */
  async parts(): Promise<readonly PresentationPart[]> {
    const { media } = await this.#mediaPlaylist();
    if (!media?.hasEnded || media.segments.some(({ sampleKey }) => sampleKey !== null)) return [];
    return partsOf(media);
  }

  /** What of the media playlist is not there, as far as it was read. */
  get missing(): MissingMedia {
    return this.#missing;
  }

  /** Reads the playlists before anybody asks, so that {@link cut} is known; of several, the first that is named. */
  async prepare(): Promise<void> {
    await this.#mediaPlaylist();
  }

  async #mediaPlaylist(): Promise<OpenedPlaylist> {
    let entry = this.#enter(this.#first);
    for (let lists = 0; lists < MAX_LISTS; lists++) {
      const opened = await this.#playlist(entry);
      const next = opened.resources.find(({ kind }) => kind === "playlist");
      if (opened.media || !next) return opened;
      entry = this.#enter(next);
    }
    throw new SourceFault("network", "the playlists name each other", { transient: false });
  }

  /** Ends every request and frees all memory. */
  close(): void {
    for (const entry of this.#entries.values()) drop(entry);
  }

  async #playlist(entry: Entry): Promise<OpenedPlaylist> {
    if (entry.playlist) return entry.playlist;
    const request = this.#request(entry.resource.url, this.#options.signal);
    const opened = await openSpan(this.#client, request, null);
    const chunks: Buffer[] = [];
    let length = 0;
    const onChunk = (chunk: Buffer) => {
      length += chunk.length;
      if (length > MAX_PLAYLIST_BYTES)
        throw new SourceFault("network", "the playlist is too large", { transient: false });
      chunks.push(Buffer.from(chunk));
    };
    await streamRange(this.#client, request, { start: 0 }, onChunk, { opened });
    const named: Entry[] = [];
    const found = parsePlaylist(Buffer.concat(chunks).toString("utf8"), opened.url, entry.imported);
    const playlist = found.kind === "media" ? this.#cutToWindow(found) : found;
    const media = playlist.kind === "media" ? playlist : null;
    const imported = playlist.kind === "master" ? playlist.variables : undefined;
    const printed = printPlaylist(playlist, (resource) => {
      const mounted = this.#enter(resource, imported);
      if (resource.kind !== "playlist") named.push(mounted);
      return mounted.path;
    });
    const result: OpenedPlaylist = { ...printed, media };
    if (media?.hasEnded === false) this.isLive = true;
    else entry.playlist = result;
    if (media) this.#missing.expect(media.segments);
    this.#replaceNamed(entry.path, named);
    return result;
  }

  #cutToWindow(playlist: MediaPlaylist): MediaPlaylist {
    const { window } = this.#options;
    const cut = window ? cutPlaylist(playlist, window) : null;
    if (cut) this.cut = cut;
    return cut?.playlist ?? playlist;
  }

  #replaceNamed(playlistPath: string, named: readonly Entry[]): void {
    const segments = named.filter(({ resource }) => resource.kind === "segment");
    for (const segment of segments) segment.siblings = segments;
    const [before, longBefore] = this.#named.get(playlistPath) ?? [[], []];
    const still = new Set([...named, ...before]);
    for (const entry of longBefore) if (!still.has(entry)) this.#forget(entry);
    this.#named.set(playlistPath, [named, before]);
  }

  /** Starts the next segments of the same playlist, and drops those that the reader skipped. */
  #fetchAhead(entry: Entry): void {
    const index = entry.siblings.indexOf(entry);
    if (index < 0) return;
    const last = index + (this.#options.connections ?? 6);
    entry.siblings.forEach((sibling, position) => {
      if (position < index || position >= last) drop(sibling);
      else sibling.stream ??= this.#prefetch(sibling);
    });
  }

  async *#media(entry: Entry, signal: AbortSignal | undefined, borrowed: boolean): AsyncGenerator<Buffer[]> {
    const { key, kind } = entry.resource;
    const decipher = key && (await this.#keys.decipher(key));
    const stream = entry.stream ?? this.#prefetch(entry);
    // a stream is read once; anyone who asks again gets a new one
    entry.stream = null;
    signal?.addEventListener("abort", () => stream.close(), { once: true });
    const { maxBytes = Number.POSITIVE_INFINITY } = this.#options;
    let position = 0;
    const read = stream.read(borrowed || decipher !== undefined);
    const clear = this.#orMissing(entry, decipher ? decrypted(read, decipher) : read);
    for await (const batch of kind === "segment" ? withoutImage(clear) : clear) {
      position += batch.reduce((sum, { length }) => sum + length, 0);
      this.#served += Math.max(0, position - entry.served);
      entry.served = Math.max(entry.served, position);
      if (this.#served > maxBytes)
        throw new ServiceFault("limit_exceeded", `the media is larger than ${maxBytes} bytes`);
      yield batch;
    }
    if (kind === "segment") this.segmentsRead++;
  }

  /** A segment that the source does not have ends before it began, as long as there are few of them. */
  async *#orMissing({ resource }: Entry, batches: AsyncIterable<Buffer[]>): AsyncGenerator<Buffer[]> {
    let isBegun = false;
    try {
      for await (const batch of batches) {
        isBegun ||= batch.some(({ length }) => length > 0);
        yield batch;
      }
    } catch (error) {
      const { kind, seconds } = resource;
      if (isBegun || kind !== "segment" || !this.#missing.leaveOut(nameOf(resource), seconds, error))
        throw error;
    }
  }

  #prefetch({ resource }: Entry): Prefetched {
    return new Prefetched((signal, onChunk) => this.#streamTo(resource, signal, onChunk), this.#gate);
  }

  async #streamTo(resource: HlsResource, signal: AbortSignal, onChunk: ChunkSink): Promise<void> {
    const inline = inlineBytes(resource.url);
    if (inline) return onChunk(inline);
    const request: SourceRequest = {
      ...this.#request(resource.url, AbortSignal.any([this.#options.signal, signal])),
      onBytes: (bytes) => {
        this.bytesRead += bytes;
        this.#options.onBytes?.(bytes);
      },
    };
    return streamRange(this.#client, request, resource.span ?? { start: 0 }, onChunk);
  }

  #request(url: string, signal: AbortSignal): SourceRequest {
    const { headers = {}, clock } = this.#options;
    return {
      url,
      headers: headersFor(headers, this.#options.url, url),
      signal,
      onRetry: () => this.retries++,
      ...(clock ? { clock } : {}),
    };
  }

  /** The entry of a resource, the same one each time it is named. */
  #enter(resource: HlsResource, imported: Variables = NO_VARIABLES): Entry {
    const name = nameOf(resource);
    const known = this.#entries.get(this.#paths.get(name) ?? "");
    if (known) return known;
    const path = `/${this.#count++}${resource.extension}`;
    const entry: Entry = {
      ...{ resource, path, imported, playlist: null, siblings: [], stream: null, served: 0 },
    };
    this.#paths.set(name, path);
    this.#entries.set(path, entry);
    return entry;
  }

  #forget(entry: Entry): void {
    drop(entry);
    this.#entries.delete(entry.path);
    this.#paths.delete(nameOf(entry.resource));
  }
}

function drop(entry: Entry): void {
  entry.stream?.close();
  entry.stream = null;
}

const NO_VARIABLES: Variables = new Map();

/** The same bytes under another key or vector are another resource. */
const nameOf = ({ key, kind, url, span }: HlsResource): string =>
  [
    kind,
    span ? `${span.start}-${span.end}` : "",
    key ? `${key.iv.toString("hex")} ${key.url}` : "",
    url,
  ].join(" ");

/** The parts of a playlist that hold anything, in order. */
function partsOf({ segments }: MediaPlaylist): PresentationPart[] {
  const seconds = new Map<number, number>();
  for (const segment of segments) {
    if (!segment.isGap) seconds.set(segment.part, (seconds.get(segment.part) ?? 0) + (segment.seconds ?? 0));
  }
  return [...seconds].map(([part, its]) => ({ part, seconds: its }));
}
