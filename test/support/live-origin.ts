import { readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { type MediaKind, media } from "./media.ts";
import type { Origin } from "./origin.ts";

export interface LiveStreamOptions {
  readonly kind?: Extract<MediaKind, "hls-ts" | "hls-fmp4" | "hls-aes">;
  /** Total number of segments. Default 60. */
  readonly segments?: number;
  /** Segments that the playlist keeps. Default 5. */
  readonly window?: number;
}

/** A live HLS stream whose clock the test advances. Every segment lasts a second. */
export interface LiveStream {
  /** URL of the playlist. */
  readonly url: string;
  /** Segments that were on air so far. */
  readonly aired: number;
  /** Paths of all segments on the origin, in order. */
  readonly paths: readonly string[];
  /** Puts more segments on air. */
  air(count?: number): void;
  /** Puts a segment on air each time this many milliseconds have passed, up to the last one or a pause. */
  play(everyMs: number): void;
  pause(): void;
  /** Ends the stream. */
  end(): void;
  /** Takes the playlist away. */
  vanish(): void;
}

let streams = 0;

/** The folder that an origin of live streams serves. */
export const liveRoot = async (): Promise<string> => dirname(dirname(await media("hls-ts", { seconds: 60 })));

/** Creates a stream on an origin that serves {@link liveRoot}; nothing is on air yet. */
export async function startLiveStream(origin: Origin, options: LiveStreamOptions = {}): Promise<LiveStream> {
  const { kind = "hls-ts", segments: seconds = 60, window = 5 } = options;
  const entry = await media(kind, { seconds });
  const folder = `/${basename(dirname(entry))}`;
  const path = `/live-${++streams}.m3u8`;
  const lines = (await readFile(entry, "utf8")).split("\n");
  const inFolder = (line: string) =>
    line.replace(/URI="([^"/][^"]*)"/, (_, name) => `URI="${folder}/${name}"`);
  const head = lines.filter((line) => /^#EXT-X-(VERSION|MAP|KEY)/.test(line)).map(inFolder);
  const names = lines
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((name) => `${folder}/${name}`);
  let aired = 0;
  let hasEnded = false;
  let timer: NodeJS.Timeout | undefined;

  function publish(): void {
    const first = Math.max(0, aired - window);
    const kept = names.slice(first, aired).flatMap((name) => ["#EXTINF:1.0,", name]);
    const text = [
      ...["#EXTM3U", "#EXT-X-TARGETDURATION:1", `#EXT-X-MEDIA-SEQUENCE:${first}`, ...head, ...kept],
      ...(hasEnded ? ["#EXT-X-ENDLIST"] : []),
      "",
    ];
    origin.put(path, Buffer.from(text.join("\n")));
  }

  publish();
  const live: LiveStream = {
    url: `${origin.url}${path}`,
    get aired() {
      return aired;
    },
    paths: names,
    air(count = 1) {
      aired = Math.min(names.length, aired + count);
      publish();
    },
    play(everyMs) {
      timer = setInterval(() => live.air(), everyMs);
    },
    pause: () => clearInterval(timer),
    end() {
      clearInterval(timer);
      hasEnded = true;
      publish();
    },
    vanish: () => origin.behave(path, { status: 404 }),
  };
  return live;
}
