import { readFile } from "node:fs/promises";
import type { MediaRequest } from "../../../schema/media.ts";
import type { Behaviour } from "../origin.ts";
import { withDamage, withLostPacket } from "./blemishes.ts";
import { makeFile, makeHls } from "./make-files.ts";
import { oddFiles } from "./odd-files.ts";
import { RECIPES, type RecipeName, recipeOf } from "./recipes.ts";

/** Which aspects of two results are compared. */
export type Aspect =
  | "completed"
  | "video"
  | "audio"
  | "languages"
  | "subtitles"
  | "chapters"
  | "cover"
  | "artist"
  | "turned"
  | "frames"
  | "order"
  | "seconds"
  | "errors";

export interface DifferentialCase {
  readonly name: string;
  readonly request: MediaRequest;
  /** The files of a source, by their names in its folder; the first one is requested. */
  readonly files: () => Promise<ReadonlyMap<string, Buffer>>;
  readonly behaviour?: Behaviour;
  /** Why this project's result may differ. What the delivery itself reports as an adjustment need not be named. */
  readonly explained?: Readonly<Partial<Record<Aspect, string>>> | undefined;
}

const NAMES = Object.keys(RECIPES) as RecipeName[];

const fileOf =
  (name: RecipeName, change: (bytes: Buffer) => Buffer = (bytes) => bytes) =>
  async () =>
    new Map([[`media.${recipeOf(name).extension}`, change(await readFile(await makeFile(name)))]]);

const isAudio = (name: RecipeName): boolean => recipeOf(name).audioOnly === true;

/** Every file, requested without a format. */
const plainFiles = (): DifferentialCase[] =>
  NAMES.map((name) => ({
    name: `${name}, as it is`,
    request: isAudio(name) ? { audio_only: true } : {},
    files: fileOf(name),
  }));

/** Every file in a format that holds most, from a server without ranges. */
const otherFormats = (): DifferentialCase[] =>
  NAMES.map((name) => ({
    name: `${name}, to ${isAudio(name) ? "opus" : "mkv"}, no ranges`,
    request: { format: isAudio(name) ? "opus" : "mkv" },
    files: fileOf(name),
    behaviour: { noRanges: true },
  }));

const DAMAGED_BYTES = 60;

const damagedFiles = (): DifferentialCase[] =>
  NAMES.map((name) => ({
    name: `${name}, ${DAMAGED_BYTES} damaged bytes`,
    request: isAudio(name) ? { format: "mp3" } : { format: "mkv" },
    files: fileOf(name, (bytes) => withDamage(bytes, DAMAGED_BYTES)),
  }));

type Pieces = ReadonlyMap<string, Buffer>;

function playlist(
  names: readonly string[],
  map: string | null,
  before: (index: number) => string = () => "",
) {
  const lines = names.map((name, index) => `${before(index)}#EXTINF:1.0,\n${name}`);
  const head = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:2", "#EXT-X-PLAYLIST-TYPE:VOD"];
  const start = map === null ? [] : [`#EXT-X-MAP:URI="${map}"`];
  return Buffer.from([...head, ...start, ...lines, "#EXT-X-ENDLIST", ""].join("\n"));
}

const changed = (pieces: Pieces, name: string, change: (bytes: Buffer) => Buffer): Pieces => {
  const bytes = pieces.get(name);
  if (!bytes) throw new Error(`no piece ${name}`);
  return new Map([...pieces, [name, change(bytes)]]);
};

const HLS_BLEMISHES: Readonly<
  Record<
    string,
    { readonly kinds: readonly string[]; readonly change: (pieces: Pieces, extension: string) => Pieces }
  >
> = {
  "no blemish": { kinds: ["mpegts", "fmp4"], change: (pieces) => pieces },
  "a lost packet": { kinds: ["mpegts"], change: (pieces) => changed(pieces, "1.ts", withLostPacket) },
  "damaged bytes": {
    kinds: ["mpegts", "fmp4"],
    change: (pieces, extension) => changed(pieces, `1.${extension}`, (bytes) => withDamage(bytes, 60)),
  },
  "a piece twice": {
    kinds: ["mpegts"],
    change: (pieces) =>
      changed(pieces, "index.m3u8", () => playlist(["0.ts", "1.ts", "1.ts", "2.ts", "3.ts"], null)),
  },
  "a clock that begins again": {
    kinds: ["mpegts"],
    change: (pieces) =>
      changed(pieces, "index.m3u8", () =>
        playlist(["2.ts", "3.ts", "0.ts", "1.ts"], null, (index) =>
          index === 2 ? "#EXT-X-DISCONTINUITY\n" : "",
        ),
      ),
  },
};

const HLS_SERVERS: Readonly<Record<string, Behaviour>> = {
  "ordinary server": {},
  "no length": { noLength: true },
  "no ranges": { noRanges: true },
};

const hls = (): DifferentialCase[] =>
  (["mpegts", "fmp4"] as const).flatMap((kind) =>
    Object.entries(HLS_BLEMISHES)
      .filter(([, { kinds }]) => kinds.includes(kind))
      .flatMap(([blemish, { change }]) =>
        Object.entries(HLS_SERVERS).map(([server, behaviour]) => ({
          name: `HLS of ${kind}, ${blemish}, ${server}`,
          request: {},
          files: async () => change(await makeHls(kind), kind === "mpegts" ? "ts" : "m4s"),
          behaviour,
        })),
      ),
  );

const SERVERS: Readonly<Record<string, Behaviour>> = {
  "no length": { noLength: true },
  "ranges that are shifted": { lie: "shifted" },
  "a size that is not known": { lie: "unknown-size" },
  "a connection that breaks once": { resetAfter: 20_000, resets: 1 },
};

const servers = (): DifferentialCase[] =>
  (["mp4, index at the end", "mkv, H.264 and AAC", "ts, H.264"] as const).flatMap((name) =>
    Object.entries(SERVERS).map(([server, behaviour]) => ({
      name: `${name}, ${server}`,
      request: {},
      files: fileOf(name),
      behaviour,
    })),
  );

export const allDifferentialCases = (): DifferentialCase[] =>
  [...plainFiles(), ...otherFormats(), ...damagedFiles(), ...hls(), ...servers(), ...oddFiles()].map(
    (one) => ({
      ...one,
      ...(EXPLAINED[one.name] ? { explained: EXPLAINED[one.name] } : {}),
    }),
  );

/** Why this project's result differs from its peer's, by the name of the case. */
const EXPLAINED: Readonly<Record<string, DifferentialCase["explained"]>> = {};

/** One of each kind, for every run of the tests. */
export const SMALL_SELECTION: ReadonlySet<string> = new Set([
  "mkv, all that it can carry, as it is",
  "avi, H.264 out of order, as it is",
  "mp3, chapters and cover, to opus, no ranges",
  "mp4, H.265, 60 damaged bytes",
  "HLS of mpegts, a lost packet, ordinary server",
]);
