import { SourceFault } from "../fault.ts";
import { LineLimitError, textLines } from "../text-lines.ts";

/** Lines, numbers and addresses of playlists, and the limits that hold for every playlist. */

/** Largest playlist that is read, in bytes. */
export const MAX_PLAYLIST_BYTES = 16 << 20;
const LIMITS = { maxLines: 600_000, maxLineLength: 32 << 10 } as const;
/** Four days of segments of four seconds. */
const MAX_RESOURCES = 100_000;
/** Longest address, and longest sum of all addresses of a playlist, in characters. */
const MAX_ADDRESS_LENGTH = 8 << 10;
const MAX_ADDRESSES_LENGTH = 32 << 20;
/** A longer segment counts as one of unknown length. */
const MAX_SECONDS = 1e9;

/**
 * The lines of a playlist, without the spaces around them and the blank lines at the beginning.
 *
 * @throws Fault `network` for anything but a playlist of reasonable size
 */
export function playlistLines(text: string): string[] {
  try {
    const all = textLines(text, LIMITS).map((line) => line.trim());
    const lines = all.slice(
      Math.max(
        0,
        all.findIndex((line) => line !== ""),
      ),
    );
    if (!lines[0]?.startsWith("#EXTM3U"))
      throw new SourceFault("network", "not an HLS playlist", { transient: false });
    return lines;
  } catch (error) {
    if (error instanceof LineLimitError)
      throw new SourceFault("network", `the playlist has ${error.message}`, { transient: false });
    throw error;
  }
}

/** The first whole number that follows a tag; null if there is none. */
export function numberBehind(lines: readonly string[], tag: string): number | null {
  for (const line of lines) {
    const digits = line.startsWith(tag) ? /^\d{1,15}(?!\d)/.exec(line.slice(tag.length))?.[0] : undefined;
    if (digits !== undefined) return Number(digits);
  }
  return null;
}

/** The sequence number of a playlist's first segment. */
export const firstSequence = (lines: readonly string[]): number =>
  numberBehind(lines, "#EXT-X-MEDIA-SEQUENCE:") ?? 0;

/** Seconds of an `#EXTINF:`; null if no length can be read. Some packagers write a decimal comma. */
export function segmentSeconds(line: string): number | null {
  const seconds = Number.parseFloat(line.slice("#EXTINF:".length));
  return seconds >= 0 && seconds <= MAX_SECONDS ? seconds : null;
}

/** Makes the addresses of one playlist absolute, and limits their size and number. */
export class PlaylistAddresses {
  readonly #baseUrl: string;
  #count = 0;
  #length = 0;

  /** @param baseUrl where the playlist came from */
  constructor(baseUrl: string) {
    this.#baseUrl = baseUrl;
  }

  /**
   * @param allowsData accepts `data:` URIs, whose bytes are part of the playlist
   * @throws Fault `network` beyond a limit or for an invalid address, `egress_blocked` for one that is not http(s)
   */
  resolve(uri: string, allowsData = false): string {
    const url = uri.length > MAX_ADDRESS_LENGTH ? null : URL.parse(uri, this.#baseUrl);
    if (!url || url.href.length > MAX_ADDRESS_LENGTH) {
      throw new SourceFault("network", "the playlist names no valid address", { transient: false });
    }
    const isInline = allowsData && url.protocol === "data:";
    if (!isInline && url.protocol !== "http:" && url.protocol !== "https:") {
      throw new SourceFault("egress_blocked", `the playlist names a ${url.protocol} address`);
    }
    this.#length += url.href.length;
    if (++this.#count > MAX_RESOURCES || this.#length > MAX_ADDRESSES_LENGTH) {
      throw new SourceFault("network", "the playlist names too many addresses", { transient: false });
    }
    return url.href;
  }
}
