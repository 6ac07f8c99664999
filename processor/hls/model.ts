import type { ByteSpan } from "../egress/source-read.ts";
import { SourceFault } from "../fault.ts";
import { type Attribute, attribute, attributesOf } from "./attribute-list.ts";
import { RangeReader } from "./byte-range.ts";
import { KeyState, type ResourceKey, type SampleKey } from "./key.ts";
import {
  firstSequence,
  numberBehind,
  PlaylistAddresses,
  playlistLines,
  segmentSeconds,
} from "./playlist-lines.ts";
import { VariableReader, type Variables } from "./variables.ts";

/**
 * The only model of HLS playlists: all code that reads, cuts, rewrites or follows one uses the result of `parsePlaylist`.
 * See docs/decisions/playlist-model.md.
 */

/** A resource, or a part of one. */
export interface Resource {
  /** Absolute: http, https, or `data:` if the playlist contains the bytes. */
  readonly url: string;
  /** Only these bytes of it. */
  readonly span?: ByteSpan;
}

/** The initialisation of segments. */
export interface MapResource extends Resource {
  readonly key: ResourceKey | null;
}

export interface Segment extends Resource {
  /** Its number in the stream, the same in every version of the playlist. */
  readonly sequence: number;
  /** As announced; null if no length can be read. */
  readonly seconds: number | null;
  /** What must be read before it; null if segments need no initialisation. */
  readonly map: MapResource | null;
  /** Set if the whole segment is encrypted. */
  readonly key: ResourceKey | null;
  /** Set if single samples are encrypted; the reader must decrypt them. */
  readonly sampleKey: SampleKey | null;
  /** It is known to be missing and must not be fetched. */
  readonly isGap: boolean;
  /** Segments of one part share a clock and an initialisation; counts from 0. */
  readonly part: number;
}

export interface MediaPlaylist {
  readonly kind: "media";
  /** Longest announced length of a segment, in seconds; null if not stated. */
  readonly targetSeconds: number | null;
  /** No more segments will be added. */
  readonly hasEnded: boolean;
  readonly segments: readonly Segment[];
}

/** One entry of a master playlist. */
export interface MasterEntry {
  readonly tag: "MEDIA" | "STREAM-INF" | "I-FRAME-STREAM-INF";
  /** All except the address. */
  readonly attributes: readonly Attribute[];
  /** Of a media playlist; null for media without a playlist of its own. */
  readonly url: string | null;
}

export interface MasterPlaylist {
  readonly kind: "master";
  readonly entries: readonly MasterEntry[];
  /** What its media playlists may import. */
  readonly variables: Variables;
}

export type Playlist = MediaPlaylist | MasterPlaylist;

const MASTER = /^#EXT-X-(STREAM-INF|MEDIA|I-FRAME-STREAM-INF):/;
const NO_VARIABLES: Variables = new Map();

/**
 * Reads a playlist of either kind. The work is linear in its length.
 *
 * @param baseUrl where it came from; relative addresses are resolved against it
 * @param imported what the master playlist that named it defines
 * @throws Fault `network` for anything but a playlist of reasonable size, `drm` for keys that only licensed players
 *   get, `egress_blocked` for an address that is not http(s)
 * @example parsePlaylist("#EXTM3U\n#EXTINF:4,\n1.ts\n#EXT-X-ENDLIST", "https://a.example/b.m3u8")
 */
export function parsePlaylist(text: string, baseUrl: string, imported: Variables = NO_VARIABLES): Playlist {
  const lines = playlistLines(text);
  const reader = new Reader(lines, baseUrl, imported);
  return lines.some((line) => MASTER.test(line)) ? reader.master() : reader.media();
}

/** @throws Fault `network` for a master playlist, and as {@link parsePlaylist} */
export function parseMediaPlaylist(text: string, baseUrl: string): MediaPlaylist {
  const playlist = parsePlaylist(text, baseUrl);
  if (playlist.kind === "master")
    throw new SourceFault("network", "a list of playlists instead of one of segments", { transient: false });
  return playlist;
}

/** The segments that are not gaps. */
export const presentSegments = ({ segments }: MediaPlaylist): Segment[] =>
  segments.filter(({ isGap }) => !isGap);

class Reader {
  readonly #lines: readonly string[];
  readonly #addresses: PlaylistAddresses;
  readonly #variables: VariableReader;

  constructor(lines: readonly string[], baseUrl: string, imported: Variables) {
    this.#lines = lines;
    this.#addresses = new PlaylistAddresses(baseUrl);
    this.#variables = new VariableReader(baseUrl, imported);
  }

  /** Lines with their variables replaced, without the definitions of variables. */
  *#read(): Generator<string> {
    for (const line of this.#lines) {
      if (line.startsWith("#EXT-X-DEFINE:")) this.#variables.define(this.#variables.replace(line));
      else if (line !== "") yield this.#variables.replace(line);
    }
  }

  master(): MasterPlaylist {
    const entries: MasterEntry[] = [];
    let stream: readonly Attribute[] | null = null;
    for (const line of this.#read()) {
      const tag = MASTER.exec(line)?.[1] as MasterEntry["tag"] | undefined;
      if (tag === "STREAM-INF") stream = attributesOf(line);
      else if (tag) {
        const attributes = attributesOf(line);
        const uri = attributes.find(({ name }) => name === "URI")?.value;
        const others = attributes.filter(({ name }) => name !== "URI");
        entries.push({
          tag,
          attributes: others,
          url: uri === undefined ? null : this.#addresses.resolve(uri),
        });
      } else if (!line.startsWith("#")) {
        entries.push({ tag: "STREAM-INF", attributes: stream ?? [], url: this.#addresses.resolve(line) });
        stream = null;
      }
    }
    return { kind: "master", entries, variables: this.#variables.all };
  }

  media(): MediaPlaylist {
    const target = numberBehind(this.#lines, "#EXT-X-TARGETDURATION:");
    const segments = [...this.#segments()];
    const hasEnded = this.#lines.some(
      (line) => line.startsWith("#EXT-X-ENDLIST") || /^#EXT-X-PLAYLIST-TYPE:\s*VOD\b/i.test(line),
    );
    return { kind: "media", targetSeconds: target || null, hasEnded, segments };
  }

  *#segments(): Generator<Segment> {
    const ranges = new RangeReader();
    const keys = new KeyState((uri) => this.#addresses.resolve(uri, true));
    let sequence = firstSequence(this.#lines);
    let seconds: number | null = null;
    let range: string | null = null;
    let map: MapResource | null = null;
    let isGap = false;
    let isNewPart = false;
    let part = 0;
    let last: Segment | null = null;
    for (const line of this.#read()) {
      if (line.startsWith("#EXTINF:")) seconds = segmentSeconds(line);
      else if (line.startsWith("#EXT-X-BYTERANGE:")) range = line.slice("#EXT-X-BYTERANGE:".length).trim();
      else if (line.startsWith("#EXT-X-KEY:")) keys.read(line);
      else if (line.startsWith("#EXT-X-MAP:")) map = this.#map(line, keys, ranges);
      else if (line.startsWith("#EXT-X-GAP")) isGap = true;
      // not EXT-X-DISCONTINUITY-SEQUENCE
      else if (/^#EXT-X-DISCONTINUITY(?!-)/.test(line)) isNewPart = true;
      else if (!line.startsWith("#")) {
        const url = this.#addresses.resolve(line);
        const span = range === null ? {} : { span: ranges.next(url, range) };
        if (last && (isNewPart || !isSameResource(last.map, map))) part++;
        const { key, sampleKey } = keys.forSegment(sequence);
        last = { url, ...span, sequence, seconds, map, key, sampleKey, isGap, part };
        yield last;
        sequence++;
        [seconds, range, isGap, isNewPart] = [null, null, false, false];
      }
    }
    keys.requireUsable();
  }

  #map(line: string, keys: KeyState, ranges: RangeReader): MapResource {
    const url = this.#addresses.resolve(attribute(line, "URI") ?? "", true);
    const range = attribute(line, "BYTERANGE");
    const key = keys.forMap();
    if (range === null) return { url, key };
    // without an offset, an initialisation begins its file
    return { url, span: ranges.next(url, range.includes("@") ? range : `${range}@0`), key };
  }
}

/** Whether both name the same bytes. */
export const isSameResource = (one: Resource | null, other: Resource | null): boolean =>
  one === other ||
  (one !== null &&
    other !== null &&
    one.url === other.url &&
    one.span?.start === other.span?.start &&
    one.span?.end === other.span?.end);
