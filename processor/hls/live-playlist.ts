import type { ByteSpan } from "../egress/source-read.ts";
import { SourceFault } from "../fault.ts";
import { attribute } from "./attribute-list.ts";
import { RangeReader } from "./byte-range.ts";
import { AES_128, type KeyTag, type ResourceKey, readKeyTag, vectorOf } from "./key.ts";
import {
  firstSequence,
  numberBehind,
  PlaylistAddresses,
  playlistLines,
  segmentSeconds,
} from "./playlist-lines.ts";

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
  const lines = playlistLines(text);
  const addresses = new PlaylistAddresses(baseUrl);
  const ranges = new RangeReader();
  let sequence = firstSequence(lines);
  let seconds: number | null = null;
  let range: string | null = null;
  let map: LiveResource | null = null;
  /** Its address made absolute. */
  let key: KeyTag | null = null;
  const segments: LiveSegment[] = [];
  for (const line of lines) {
    if (line.startsWith("#EXTINF:")) seconds = segmentSeconds(line) ?? 0;
    else if (line.startsWith("#EXT-X-BYTERANGE:")) range = line.slice("#EXT-X-BYTERANGE:".length).trim();
    else if (line.startsWith("#EXT-X-KEY:")) key = readKey(line, addresses);
    else if (line.startsWith("#EXT-X-MAP:")) map = readMap(line, addresses);
    else if (line.trim() !== "" && !line.startsWith("#") && seconds !== null) {
      const url = addresses.resolve(line.trim());
      const span = range === null ? {} : { span: ranges.next(url, range) };
      const encrypted = key === null ? null : { url: key.uri, iv: key.iv ?? vectorOf(sequence) };
      segments.push({ url, ...span, sequence, seconds, map, key: encrypted });
      sequence++;
      seconds = null;
      range = null;
    }
  }
  return {
    targetSeconds: numberBehind(lines, "#EXT-X-TARGETDURATION:") || DEFAULT_TARGET_SECONDS,
    hasEnded: lines.some((line) => line.startsWith("#EXT-X-ENDLIST")),
    segments,
  };
}

function readKey(line: string, addresses: PlaylistAddresses): KeyTag | null {
  const key = readKeyTag(line);
  if (key && key.method !== AES_128) throw new SourceFault("live", "an encryption of single samples");
  return key && { ...key, uri: addresses.resolve(key.uri) };
}

function readMap(line: string, addresses: PlaylistAddresses): LiveResource {
  const url = addresses.resolve(attribute(line, "URI") ?? "");
  const range = attribute(line, "BYTERANGE");
  return range === null ? { url } : { url, span: new RangeReader().next(url, range) };
}
