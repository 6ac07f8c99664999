import type { ByteSpan } from "../egress/source-read.ts";
import { attribute, attributesOf, withAttributes } from "./attribute-list.ts";
import { RangeReader } from "./byte-range.ts";
import { AES_128, type KeyTag, type ResourceKey, readKeyTag, vectorOf } from "./key.ts";
import { firstSequence, PlaylistAddresses, playlistLines } from "./playlist-lines.ts";

/** What a playlist names: another playlist, a piece of media, or a key. */
export type HlsResourceKind = "playlist" | "segment" | "map" | "key";

/** One resource that a playlist names. */
export interface HlsResource {
  readonly kind: HlsResourceKind;
  /** Absolute, http or https. */
  readonly url: string;
  /** Only these bytes of it. */
  readonly span?: ByteSpan;
  /** Set where it must be decrypted before anybody reads it. */
  readonly key?: ResourceKey;
  /** File name extension, with the dot, that reports a reader what this is. */
  readonly extension: string;
}

export interface RewrittenPlaylist {
  /** The playlist with every address replaced. */
  readonly text: string;
  readonly isMaster: boolean;
  /** A live playlist grows: it has no end yet. */
  readonly isLive: boolean;
  /** The pieces, as they are and one behind the other, are one stream of media, from its beginning to its end. */
  readonly isOneStream: boolean;
  /** In order of appearance, each once per mention. */
  readonly resources: readonly HlsResource[];
}

/** Extensions that readers know; anything else gets one that fits the kind of media. */
const KNOWN_SEGMENT = /^\.(ts|m4s|mp4|m4a|m4v|cmfv|cmfa|aac|mp3|ac3|ec3|vtt|webvtt)$/;
/** For low-latency players: pieces of segments that come whole a moment later. */
const LOW_LATENCY = /^#EXT-X-(PART|PRELOAD-HINT|RENDITION-REPORT):/;
/** What follows begins anew, or is not there. */
const BREAK = /^#EXT-X-(DISCONTINUITY|GAP)\s*$/;

/**
 * Rewrites an HLS playlist, master or media: each address becomes what `mount` gives for it. A part of a file
 * (`EXT-X-BYTERANGE`) becomes a resource of its own, so its reader needs no ranges, and what is encrypted as a whole
 * becomes one that has its key, which the reader does not see.
 *
 * @param baseUrl where the playlist came from; relative addresses are resolved against it
 * @param mount the new address of a resource
 * @throws Fault `network` when this is no playlist or none that one would send, `egress_blocked` for an address that is not http(s), `drm` for
 *   keys that only a licensed player gets
 */
export function rewritePlaylist(
  text: string,
  baseUrl: string,
  mount: (resource: HlsResource) => string,
): RewrittenPlaylist {
  const lines = playlistLines(text);
  const addresses = new PlaylistAddresses(baseUrl);
  const isMaster = lines.some((line) => /^#EXT-X-(STREAM-INF|MEDIA:|I-FRAME-STREAM-INF)/.test(line));
  const fallback = lines.some((line) => line.startsWith("#EXT-X-MAP")) ? ".m4s" : ".ts";
  const resources: HlsResource[] = [];
  const ranges = new RangeReader();

  let sequence = firstSequence(lines);
  /** Its address made absolute. */
  let key: KeyTag | null = null;

  const keyOf = (kind: HlsResourceKind): ResourceKey | null => {
    if (key === null || (kind !== "segment" && kind !== "map")) return null;
    // an initialisation has no number
    const iv = key.iv ?? (kind === "segment" ? vectorOf(sequence) : null);
    return iv && { url: key.uri, iv };
  };
  const replace = (kind: HlsResourceKind, uri: string, range?: string): string => {
    const url = addresses.resolve(uri);
    const span = range === undefined ? undefined : ranges.next(url, range);
    const encrypted = keyOf(kind);
    const resource: HlsResource = {
      ...{ kind, url, extension: extensionOf(kind, url, fallback) },
      ...(span ? { span } : {}),
      ...(encrypted ? { key: encrypted } : {}),
    };
    resources.push(resource);
    return mount(resource);
  };

  let pendingRange: string | undefined;
  const rewritten: string[] = [];
  for (const line of lines.filter((text) => !LOW_LATENCY.test(text))) {
    if (line.startsWith("#EXT-X-BYTERANGE:")) {
      pendingRange = line.slice("#EXT-X-BYTERANGE:".length).trim();
    } else if (line.startsWith("#EXT-X-KEY:")) {
      const declared = readKeyTag(line);
      // what is encrypted in another way is left to the reader
      key = declared?.method === AES_128 ? { ...declared, uri: addresses.resolve(declared.uri) } : null;
      if (!key) rewritten.push(rewriteTag(line, replace));
    } else if (line.startsWith("#EXT")) {
      rewritten.push(rewriteTag(line, replace));
    } else if (line.trim() === "" || line.startsWith("#")) {
      rewritten.push(line);
    } else {
      rewritten.push(replace(isMaster ? "playlist" : "segment", line.trim(), pendingRange));
      pendingRange = undefined;
      sequence++;
    }
  }
  const isLive = !isMaster && !lines.some((line) => line.startsWith("#EXT-X-ENDLIST"));
  const isOneStream = !isMaster && !isLive && !lines.some((line) => BREAK.test(line)) && inOneRow(resources);
  return { text: rewritten.join("\n"), isMaster, isLive, isOneStream, resources };
}

/** Nothing but segments, behind one initialisation or none: a key that is left would have to be used. */
const inOneRow = (resources: readonly HlsResource[]): boolean =>
  resources.every(({ kind }, index) => kind === "segment" || (kind === "map" && index === 0));

type Replace = (kind: HlsResourceKind, uri: string, range?: string) => string;

/** Every address of a tag is replaced; a tag without one stays as it is. */
function rewriteTag(line: string, replace: Replace): string {
  if (!line.includes("URI=") || line.startsWith("#EXTINF:")) return line;
  const kind = kindOfTag(line);
  if (kind === "key") readKeyTag(line);
  const range = kind === "map" ? (attribute(line, "BYTERANGE") ?? undefined) : undefined;
  const kept = attributesOf(line).filter(({ name }) => kind !== "map" || name !== "BYTERANGE");
  return withAttributes(
    line,
    kept.map((one) =>
      ADDRESS.test(one.name) ? { ...one, value: replace(kind, one.value, range), isQuoted: true } : one,
    ),
  );
}

/** Names of attributes that hold an address. */
const ADDRESS = /^URI$|-URI$/;

function kindOfTag(line: string): HlsResourceKind {
  if (/^#EXT-X-(SESSION-)?KEY:/.test(line)) return "key";
  if (line.startsWith("#EXT-X-MAP:")) return "map";
  if (/^#EXT-X-(MEDIA|I-FRAME-STREAM-INF|IMAGE-STREAM-INF):/.test(line)) return "playlist";
  return "segment";
}

function extensionOf(kind: HlsResourceKind, url: string, fallback: string): string {
  if (kind === "playlist") return ".m3u8";
  if (kind === "key") return ".key";
  const own = /\.[a-z0-9]{1,6}$/i.exec(new URL(url).pathname)?.[0].toLowerCase() ?? "";
  return KNOWN_SEGMENT.test(own) ? own : fallback;
}
