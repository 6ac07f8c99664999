import { AdaptiveConnections } from "../egress/adaptive-connections.ts";
import type { HttpClient } from "../egress/http-client.ts";
import { MissingMedia } from "../egress/missing-media.ts";
import { headersFor } from "../egress/source-headers.ts";
import { streamPiece } from "../egress/source-piece.ts";
import { ByteGate, Prefetched } from "../egress/source-prefetch.ts";
import {
  type ByteReceiver,
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
  /** Number of segments of one playlist to fetch at once, including the one being read. Default 6. */
  readonly connections?: number;
  readonly signal: AbortSignal;
  /** Limits a finished presentation to the segments that cover this part. */
  readonly window?: TimeWindow | undefined;
  /** Maximum number of bytes of all segments together. */
  readonly maxBytes?: number | undefined;
  /** Called with the number of bytes of each chunk that arrives. */
  readonly onBytes?: (bytes: number) => void;
  /** Memory for segments that were fetched ahead. Default 32 MiB. */
  readonly bufferBytes?: number;
  readonly clock?: RetryClock;
}

/** The content of one path of an HLS source, ready to be sent. */
export type HlsResponse =
  | { readonly kind: "playlist"; readonly text: string }
  | { readonly kind: "media"; readonly body: AsyncIterable<Buffer[]> };

/** A presentation whose pieces only a tool can join to one stream. */
export class NotConcatenableError extends Error {}

/** A playlist that was read, and the resources that are mounted for it. */
interface OpenedPlaylist {
  readonly text: string;
  readonly resources: readonly HlsResource[];
  /** Null for a master playlist. */
  readonly media: MediaPlaylist | null;
}

/** Segments that share a clock and an initialisation. */
export interface PresentationPart {
  readonly part: number;
  /** As announced. */
  readonly seconds: number;
}

/** Maximum depth of master playlists that name master playlists. */
const MAX_LISTS = 4;

interface Entry {
  readonly resource: HlsResource;
  readonly path: string;
  /** A finished playlist after its first read; it is not requested again. */
  playlist: OpenedPlaylist | null;
  /** Variables of the master playlist that named this one. */
  readonly imported: Variables;
  /** The segments of its playlist in order, as last read; empty for a key or a map. */
  siblings: readonly Entry[];
  stream: Prefetched | null;
  /** Number of its bytes that a reader got. */
  served: number;
}

/**
 * An HLS presentation under paths of our own. Playlists are rewritten to these paths, and several segments at a time are
 * fetched ahead of the reader. A reader starts at {@link entryPath} and never connects to another host.
 */
export class HlsSource {
  /** Path of the first playlist. */
  readonly entryPath: string;
  /** Bytes of media received so far. */
  bytesRead = 0;
  /** Number of repeated requests so far. */
  retries = 0;
  /** Number of segments that were read to their end so far. */
  segmentsRead = 0;
  /** True once a playlist without an end was read. */
  isLive = false;
  /** What the window left of the last media playlist; null before, and if nothing was cut. */
  cut: Pick<CutPlaylist, "startSeconds" | "totalSeconds"> | null = null;
  readonly #client: HttpClient;
  readonly #options: HlsSourceOptions;
  readonly #gate: ByteGate;
  readonly #adaptive: AdaptiveConnections;
  readonly #first: HlsResource;
  readonly #entries = new Map<string, Entry>();
  readonly #paths = new Map<string, string>();
  /** Number of bytes that readers got; bytes that were read twice count once. */
  #served = 0;
  /** What each playlist named in its last two versions: a reader of a live stream may lag behind. */
  readonly #named = new Map<string, readonly [readonly Entry[], readonly Entry[]]>();
  readonly #keys: KeyRing;
  readonly #missing = new MissingMedia();
  /** What was opened last. */
  #current: Entry | null = null;
  #count = 0;

  constructor(client: HttpClient, options: HlsSourceOptions) {
    this.#client = client;
    this.#options = options;
    this.#gate = new ByteGate(options.bufferBytes ?? 32 << 20);
    this.#adaptive = new AdaptiveConnections({
      most: options.connections ?? 6,
      first: client.limits.paceOf(options.url),
      onSettled: (connections) => client.limits.rememberPace(options.url, connections),
    });
    this.#keys = new KeyRing((url, maxBytes) =>
      collectSpan(client, this.#request(url, options.signal), { start: 0 }, maxBytes),
    );
    this.#first = { kind: "playlist", url: options.url, extension: ".m3u8", part: 0, seconds: null };
    this.entryPath = this.#enter(this.#first).path;
    this.#fetchMoreWhenAllowed();
  }

  /**
   * Opens a path; null for a path that does not exist.
   *
   * @param signal ends the body, even while its reader waits for bytes
   * @param borrowed each batch of the body is valid until the next one is requested; its memory is reused
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
    // segments need not continue each other's packet counts, which no tool expects
    return { kind: "media", body: entry.resource.kind === "segment" ? withBreaks(body) : body };
  }

  /**
   * All media as one stream. In a transport stream, an empty packet precedes each segment. Each batch is valid until the
   * next one is requested. A reader that stops early may still {@link open} everything.
   *
   * @param signal ends the stream, even while its reader waits for bytes
   * @throws NotConcatenableError if there are several parts or only a tool can read them; Fault as {@link open}
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
   * The parts of the presentation, each with its own clock and initialisation. Empty while it is live, and if only a tool
   * can read it. For a master playlist, the parts of the first playlist that it names.
   */
  async parts(): Promise<readonly PresentationPart[]> {
    const { media } = await this.#mediaPlaylist();
    if (!media?.hasEnded || media.segments.some(({ sampleKey }) => sampleKey !== null)) return [];
    return partsOf(media);
  }

  /** Segments of the media playlist that turned out to be missing so far. */
  get missing(): MissingMedia {
    return this.#missing;
  }

  /** Reads the playlists now, so that {@link cut} is known; of several media playlists, the first. */
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
    const put = (chunk: Buffer) => {
      length += chunk.length;
      if (length > MAX_PLAYLIST_BYTES)
        throw new SourceFault("network", "the playlist is too large", { transient: false });
      chunks.push(Buffer.from(chunk));
    };
    await streamRange(this.#client, request, { start: 0 }, { put }, { opened });
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

  /**
   * Starts to fetch the next segments of the playlist, and drops those that the reader skipped.
   *
   * @param isOpen its reader has it already
   */
  #fetchAhead(entry: Entry, isOpen = false): void {
    const index = entry.siblings.indexOf(entry);
    if (index < 0) return;
    this.#current = entry;
    // what is being fetched goes on when fewer are allowed
    const last = index + (this.#options.connections ?? 6);
    const allowed = index + this.#adaptive.allowed;
    entry.siblings.forEach((sibling, position) => {
      if (position < index || position >= last) drop(sibling);
      else if (position < allowed && !(isOpen && sibling === entry))
        sibling.stream ??= this.#prefetch(sibling);
    });
  }

  #fetchMoreWhenAllowed(): void {
    void this.#adaptive.growth.then(() => {
      if (this.#current && !this.#options.signal.aborted) this.#fetchAhead(this.#current, true);
      this.#fetchMoreWhenAllowed();
    });
  }

  async *#media(entry: Entry, signal: AbortSignal | undefined, borrowed: boolean): AsyncGenerator<Buffer[]> {
    const { key, kind } = entry.resource;
    const decipher = key && (await this.#keys.decipher(key));
    const stream = entry.stream ?? this.#prefetch(entry);
    // a stream can be read once; the next reader gets a new one
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

  /** Makes a segment that the source does not have an empty one, as long as only a few are missing. */
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
    return new Prefetched((signal, receiver) => this.#streamTo(resource, signal, receiver), this.#gate);
  }

  async #streamTo(resource: HlsResource, signal: AbortSignal, receiver: ByteReceiver): Promise<void> {
    const inline = inlineBytes(resource.url);
    if (inline) return receiver.put(inline);
    const count = this.#adaptive.begin();
    const request: SourceRequest = {
      ...this.#request(resource.url, AbortSignal.any([this.#options.signal, signal])),
      onBytes: (bytes) => {
        this.bytesRead += bytes;
        count.add(bytes);
        this.#options.onBytes?.(bytes);
      },
    };
    const isWorthIt = () => this.#missing.areFew;
    try {
      await streamPiece(this.#client, request, resource.span ?? { start: 0 }, receiver, isWorthIt);
    } finally {
      count.end();
    }
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

  /** The entry of a resource; always the same one for the same resource. */
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

/** The same bytes with another key or vector are another resource. */
const nameOf = ({ key, kind, url, span }: HlsResource): string =>
  [
    kind,
    span ? `${span.start}-${span.end}` : "",
    key ? `${key.iv.toString("hex")} ${key.url}` : "",
    url,
  ].join(" ");

/** The parts of a playlist in order, without those that consist of gaps. */
function partsOf({ segments }: MediaPlaylist): PresentationPart[] {
  const seconds = new Map<number, number>();
  for (const segment of segments) {
    if (!segment.isGap) seconds.set(segment.part, (seconds.get(segment.part) ?? 0) + (segment.seconds ?? 0));
  }
  return [...seconds].map(([part, its]) => ({ part, seconds: its }));
}
