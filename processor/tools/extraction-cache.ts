import type { YtdlpInfo } from "./ytdlp-info.ts";

/** An extraction, and the operator's proxy that it used: signed links are only valid for that address. */
export interface KeptExtraction {
  readonly info: YtdlpInfo;
  /** Of the yt-dlp that found it: another version may write it in another way. */
  readonly version: string;
  readonly upstream: string | undefined;
  /** Name of that exit. */
  readonly exit?: string | undefined;
}

interface Entry extends KeptExtraction {
  readonly bytes: number;
  readonly until: number;
}

/** How long an extraction may be reused, in milliseconds. */
const KEEP_MS = 60_000;
const MAX_ENTRIES = 64;
const MAX_BYTES = 32 << 20;

/** Keeps extractions of probes for the job that follows: a few, for a minute. */
export class ExtractionCache {
  readonly #entries = new Map<string, Entry>();
  readonly #now: () => number;
  #bytes = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  keep(url: string, { info, version, upstream, exit }: KeptExtraction): void {
    this.remove(url);
    const bytes = Buffer.byteLength(JSON.stringify(info));
    if (bytes > MAX_BYTES) return;
    this.#entries.set(url, { info, version, upstream, exit, bytes, until: this.#now() + KEEP_MS });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= MAX_ENTRIES && this.#bytes <= MAX_BYTES) break;
      this.remove(oldest);
    }
  }

  find(url: string): KeptExtraction | undefined {
    const entry = this.#entries.get(url);
    if (entry && entry.until > this.#now()) return entry;
    this.remove(url);
    return undefined;
  }

  /** Removes an extraction that proved useless, for example because its links expired. */
  remove(url: string): void {
    this.#bytes -= this.#entries.get(url)?.bytes ?? 0;
    this.#entries.delete(url);
  }
}
