import { Fault } from "../fault.ts";
import { AES_128, attribute, type KeyTag, type ResourceKey, readKeyTag, vectorOf } from "./hls-key.ts";
import type { ByteSpan } from "./source-read.ts";

/** A resource of a live stream, or a part of one. */
export interface LiveResource {
  readonly url: string;
  readonly span?: ByteSpan;
}

export interface LiveSegment extends LiveResource {
  /** Its number in the stream: the same one in every playlist, and after every interruption. */
  readonly sequence: number;
  readonly seconds: number;
  /** What must be read in front of it; null where segments stand for themselves. */
  readonly map: LiveResource | null;
  readonly key: ResourceKey | null;
}

export interface LivePlaylist {
  /** Longest announced length of a segment, in seconds. */
  readonly targetSeconds: number;
  /** Nothing will be added any more. */
  readonly hasEnded: boolean;
  readonly segments: readonly LiveSegment[];
}

const DEFAULT_TARGET_SECONDS = 6;

/**
 * Reads the media playlist of a live stream.
 *
 * @param baseUrl where it came from; relative addresses are resolved against it
 * @throws Fault `network` when this is no media playlist, `live` for encryption of single samples, `drm` for keys that
 *   only a licensed player gets, `egress_blocked` for an address that is not http(s)
 */
export function parseLivePlaylist(text: string, baseUrl: string): LivePlaylist {
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  if (!lines[0]?.startsWith("#EXTM3U")) throw new Fault("network", "not an HLS playlist");
  const numbered = (tag: string) => Number(lines.find((line) => line.startsWith(tag))?.slice(tag.length));
  let sequence = numbered("#EXT-X-MEDIA-SEQUENCE:") || 0;
  let seconds: number | null = null;
  let range: string | null = null;
  let map: LiveResource | null = null;
  let key: KeyTag | null = null;
  const ends = new Map<string, number>();
  const segments: LiveSegment[] = [];
  for (const line of lines) {
    if (line.startsWith("#EXTINF:")) seconds = Number.parseFloat(line.slice("#EXTINF:".length)) || 0;
    else if (line.startsWith("#EXT-X-BYTERANGE:")) range = line.slice("#EXT-X-BYTERANGE:".length).trim();
    else if (line.startsWith("#EXT-X-KEY:")) key = readKey(line);
    else if (line.startsWith("#EXT-X-MAP:")) map = readMap(line, baseUrl);
    else if (line.trim() !== "" && !line.startsWith("#") && seconds !== null) {
      const url = resolve(line.trim(), baseUrl);
      const span = range === null ? {} : { span: readRange(range, ends, url) };
      const encrypted =
        key === null ? null : { url: resolve(key.uri, baseUrl), iv: key.iv ?? vectorOf(sequence) };
      segments.push({ url, ...span, sequence, seconds, map, key: encrypted });
      sequence++;
      seconds = null;
      range = null;
    }
  }
  return {
    targetSeconds: numbered("#EXT-X-TARGETDURATION:") || DEFAULT_TARGET_SECONDS,
    hasEnded: lines.some((line) => line.startsWith("#EXT-X-ENDLIST")),
    segments,
  };
}

function readKey(line: string): KeyTag | null {
  const key = readKeyTag(line);
  if (key && key.method !== AES_128) throw new Fault("live", `encryption ${key.method}`);
  return key;
}

function readMap(line: string, baseUrl: string): LiveResource {
  const url = resolve(attribute(line, "URI") ?? "", baseUrl);
  const range = attribute(line, "BYTERANGE");
  return range === null ? { url } : { url, span: readRange(range, new Map(), url) };
}

function readRange(text: string, ends: Map<string, number>, url: string): ByteSpan {
  const match = /^(\d+)(?:@(\d+))?$/.exec(text);
  if (!match) throw new Fault("network", "the playlist has an unreadable byte range");
  const start = match[2] === undefined ? (ends.get(url) ?? 0) : Number(match[2]);
  const end = start + Number(match[1]);
  ends.set(url, end);
  return { start, end };
}

function resolve(uri: string, baseUrl: string): string {
  if (!URL.canParse(uri, baseUrl)) throw new Fault("network", "the playlist names no valid address");
  const url = new URL(uri, baseUrl);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new Fault("egress_blocked", `the playlist names a ${url.protocol} address`);
  }
  return url.href;
}
