import type { ByteSpan } from "../egress/source-read.ts";
import { withAttributes } from "./attribute-list.ts";
import type { ResourceKey } from "./key.ts";
import {
  isSameResource,
  type MasterEntry,
  type MediaPlaylist,
  type Playlist,
  type Segment,
} from "./model.ts";

/** What a playlist refers to: another playlist, a piece of media, or a key. */
export type HlsResourceKind = "playlist" | "segment" | "map" | "key";

/** One resource that a playlist refers to. */
export interface HlsResource {
  readonly kind: HlsResourceKind;
  /** Absolute: http, https, or `data:`. */
  readonly url: string;
  /** Only these bytes of it. */
  readonly span?: ByteSpan;
  /** Set if it must be decrypted before it is passed on. */
  readonly key?: ResourceKey;
  /** File name extension with the dot, from which a reader knows what it is. */
  readonly extension: string;
  /** Which part of the presentation it belongs to. */
  readonly part: number;
  /** Announced; null for an initialisation segment. */
  readonly seconds: number | null;
}

export interface PrintedPlaylist {
  /** A playlist whose addresses are all ours. */
  readonly text: string;
  /** In order of appearance, once for each mention. */
  readonly resources: readonly HlsResource[];
}

/** Extensions that readers know. Anything else gets one that fits the kind of media. */
const KNOWN_SEGMENT = /^\.(ts|m4s|mp4|m4a|m4v|cmfv|cmfa|aac|mp3|ac3|ec3|vtt|webvtt)$/;
/** Assumed if neither a segment nor the playlist states a length. */
const USUAL_SECONDS = 6;

type Mount = (resource: HlsResource) => string;

/**
 * Writes a playlist in which every address is replaced by the one that `mount` returns. A byte range becomes a resource of
 * its own, so readers need no ranges. Segments that are encrypted as a whole are decrypted here, so readers see no key.
 * Gaps are left out of a playlist that has ended. Tags that the readers do not need are not written.
 *
 * @param mount the new address of a resource
 */
export function printPlaylist(playlist: Playlist, mount: Mount): PrintedPlaylist {
  const resources: HlsResource[] = [];
  const mounted: Mount = (resource) => {
    resources.push(resource);
    return mount(resource);
  };
  const lines =
    playlist.kind === "master"
      ? playlist.entries.flatMap((entry) => masterLines(entry, mounted))
      : mediaLines(playlist, mounted);
  return { text: ["#EXTM3U", "#EXT-X-VERSION:7", ...lines, ""].join("\n"), resources };
}

function masterLines({ tag, attributes, url }: MasterEntry, mount: Mount): string[] {
  const address =
    url === null ? null : mount({ kind: "playlist", url, extension: ".m3u8", part: 0, seconds: null });
  const line = `#EXT-X-${tag}:`;
  if (tag === "STREAM-INF") return [withAttributes(line, attributes), address ?? ""];
  const uri = address === null ? [] : [{ name: "URI", value: address, isQuoted: true }];
  return [withAttributes(line, [...attributes, ...uri])];
}

function mediaLines({ segments, hasEnded, targetSeconds }: MediaPlaylist, mount: Mount): string[] {
  const shown = hasEnded ? segments.filter(({ isGap }) => !isGap) : segments;
  const longest = Math.max(
    0,
    ...chunked(shown).map((some) => Math.max(...some.map(({ seconds }) => seconds ?? 0))),
  );
  const usual = targetSeconds ?? (longest || USUAL_SECONDS);
  const fallback = shown.some(({ map }) => map !== null) ? ".m4s" : ".ts";
  const lines = [
    `#EXT-X-TARGETDURATION:${Math.ceil(Math.max(usual, longest))}`,
    `#EXT-X-MEDIA-SEQUENCE:${shown[0]?.sequence ?? 0}`,
  ];
  let last: Segment | null = null;
  let lastKey = "";
  for (const segment of shown) {
    if (last && last.part !== segment.part) lines.push("#EXT-X-DISCONTINUITY");
    const key = sampleKeyLine(segment, mount);
    if (key.id !== lastKey) lines.push(key.line());
    lastKey = key.id;
    lines.push(...mapLines(segment, last, fallback, mount));
    if (segment.isGap) lines.push("#EXT-X-GAP");
    lines.push(`#EXTINF:${segment.seconds ?? usual},`);
    const { key: wholeKey, part, seconds, span, url } = segment;
    lines.push(
      mount({
        ...{ kind: "segment", url, part, seconds: seconds ?? usual, extension: extensionOf(url, fallback) },
        ...(span ? { span } : {}),
        ...(wholeKey ? { key: wholeKey } : {}),
      }),
    );
    last = segment;
  }
  return hasEnded ? [...lines, "#EXT-X-ENDLIST"] : lines;
}

/** Limit on the number of arguments of a function call. */
const CHUNK = 10_000;
const chunked = (segments: readonly Segment[]): Segment[][] =>
  Array.from({ length: Math.ceil(segments.length / CHUNK) }, (_, index) =>
    segments.slice(index * CHUNK, (index + 1) * CHUNK),
  );

/** The vector is always written, because gaps that were left out change the numbers of segments. */
function sampleKeyLine({ part, sampleKey }: Segment, mount: Mount): { id: string; line: () => string } {
  if (!sampleKey) return { id: "", line: () => "#EXT-X-KEY:METHOD=NONE" };
  const { iv, method, url } = sampleKey;
  const vector = iv.toString("hex");
  return {
    id: `${method} ${vector} ${url}`,
    line: () => {
      const path = mount({ kind: "key", url, extension: ".key", part, seconds: null });
      return `#EXT-X-KEY:METHOD=${method.replace(/[^A-Z0-9-]/g, "")},URI="${path}",IV=0x${vector}`;
    },
  };
}

function mapLines({ map, part }: Segment, last: Segment | null, fallback: string, mount: Mount): string[] {
  if (map === null || (last && last.part === part && isSameResource(last.map, map))) return [];
  const { key, span, url } = map;
  const path = mount({
    ...{ kind: "map", url, part, seconds: null, extension: extensionOf(url, fallback) },
    ...(span ? { span } : {}),
    ...(key ? { key } : {}),
  });
  return [`#EXT-X-MAP:URI="${path}"`];
}

function extensionOf(url: string, fallback: string): string {
  const own = /\.[a-z0-9]{1,6}$/i.exec(new URL(url).pathname)?.[0].toLowerCase() ?? "";
  return KNOWN_SEGMENT.test(own) ? own : fallback;
}
