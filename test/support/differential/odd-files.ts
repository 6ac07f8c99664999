import { readFile } from "node:fs/promises";
import type { MediaRequest } from "../../../schema/media.ts";
import { withoutEnd } from "./blemishes.ts";
import type { DifferentialCase } from "./cases.ts";
import { makeFile, makeHls } from "./make-files.ts";
import { type RecipeName, recipeOf } from "./recipes.ts";

/** Files and segments with defects from tools, transmission or manual editing. */

type Change = (bytes: Buffer) => Buffer;

interface OddFile {
  readonly of: RecipeName;
  readonly change: Change;
  readonly request?: MediaRequest;
  readonly explained?: DifferentialCase["explained"];
}

/** A tool that reads lengths from headers counts only the first of two files. */
const BOTH = { seconds: "Both of the files are in it" };

/** ffmpeg reads the second header as a packet of one second, which the repair fills with silence. */
const CHAINED = { seconds: "Both of the files are in it, with a second of silence between them" };

const PACKET = 188;
const twice: Change = (bytes) => Buffer.concat([bytes, bytes]);
const nearlyAll: Change = (bytes) => withoutEnd(bytes, 0.97);
const behind =
  (text: string): Change =>
  (bytes) =>
    Buffer.concat([Buffer.from(text), bytes]);
const PAGE = "<!doctype html><title>Download</title><p>Your file is below.</p>\n";

/** A recorder that was switched off leaves its length fields as they were at the start. */
const withoutLengths: Change = (bytes) => {
  const copy = Buffer.from(bytes);
  copy.writeUInt32LE(0xff_ff_ff_ff, 4);
  copy.writeUInt32LE(0xff_ff_ff_ff, copy.indexOf("data", 0, "latin1") + 4);
  return copy;
};

const AUDIO_ONLY = "m4a was asked for, which holds audio only";

const AUDIO: MediaRequest = { audio_only: true };

const FILES: Readonly<Record<string, OddFile>> = {
  "ts that begins inside a picture": { of: "ts, H.264", change: (bytes) => bytes.subarray(PACKET * 30 + 77) },
  "two ts in one": { of: "ts, H.264", change: twice, explained: BOTH },
  "ts without its end": { of: "ts, H.264", change: nearlyAll },
  "mp4 without its end": { of: "mp4, index in front", change: nearlyAll },
  "fragments without their end": { of: "mp4, fragments", change: nearlyAll },
  "mkv without its end": { of: "mkv, H.264 and AAC", change: nearlyAll },
  "webm of a recorder without its end": { of: "webm of a browser's recorder", change: nearlyAll },
  "flv without its end": { of: "flv, H.264 and AAC", change: nearlyAll },
  "avi without its index": { of: "avi, Xvid", change: nearlyAll },
  "mpg without its end": { of: "mpg, MPEG-1", change: nearlyAll },
  "wmv without its end": { of: "wmv", change: nearlyAll },
  "mp3 behind a page": { of: "mp3", change: behind(PAGE), request: { format: "m4a" } },
  "two mp3 in one": { of: "mp3", change: twice, request: { format: "m4a" } },
  "mp3 without its end": { of: "mp3", change: nearlyAll, request: { format: "opus" } },
  "two opus in one": { of: "opus", change: twice, request: { format: "mp3" }, explained: CHAINED },
  "aac that begins inside a frame": { of: "aac", change: (bytes) => bytes.subarray(100), request: AUDIO },
  "wav of a recorder that was switched off": {
    of: "wav",
    change: withoutLengths,
    request: { format: "mp3" },
  },
  "flac without its end": { of: "flac", change: nearlyAll, request: { format: "m4a" } },
};

const RECIPES_ELSEWHERE: Readonly<
  Record<
    string,
    {
      readonly of: RecipeName;
      readonly request: MediaRequest;
      readonly explained?: DifferentialCase["explained"];
    }
  >
> = {
  "an audio book to mp3": { of: "m4b, chapters and cover", request: { format: "mp3" } },
  "a turned film to webm": { of: "mov, turned by 180 degrees", request: { format: "webm" } },
  "a turned film to mov": { of: "mp4, turned", request: { format: "mov" } },
  "languages to m4a": {
    of: "mp4, two languages and text",
    request: { format: "m4a" },
    explained: { video: AUDIO_ONLY, frames: AUDIO_ONLY, subtitles: AUDIO_ONLY },
  },
  "text to webm": { of: "mkv, all that it can carry", request: { format: "webm" } },
  "everything to mp4": { of: "mkv, all that it can carry", request: { format: "mp4" } },
  "a cover to m4a": { of: "flac, cover", request: { format: "m4a" } },
  "frames out of order to webm": { of: "avi, H.264 out of order", request: { format: "webm" } },
  "languages of a transport stream to mp4": { of: "ts, two languages", request: { format: "mp4" } },
};

type Pieces = ReadonlyMap<string, Buffer>;

const ODD_PIECES: Readonly<Record<string, (pieces: Pieces) => Buffer>> = {
  "that is cut inside a packet": (pieces) => withoutEnd(pieces.get("2.ts") ?? Buffer.alloc(0), 0.6),
  "that lost its beginning": (pieces) => (pieces.get("2.ts") ?? Buffer.alloc(0)).subarray(PACKET * 12 + 50),
  "that is a page": () => Buffer.from(PAGE.repeat(20)),
  "that is empty": () => Buffer.alloc(0),
};

export function oddFiles(): DifferentialCase[] {
  const files = Object.entries(FILES).map(([name, { change, explained, of, request = {} }]) => ({
    ...{ name: `odd: ${name}`, request, explained },
    files: async () =>
      new Map([[`media.${recipeOf(of).extension}`, change(await readFile(await makeFile(of)))]]),
  }));
  const elsewhere = Object.entries(RECIPES_ELSEWHERE).map(([name, { explained, of, request }]) => ({
    ...{ name: `odd: ${name}`, request, explained },
    files: async () => new Map([[`media.${recipeOf(of).extension}`, await readFile(await makeFile(of))]]),
  }));
  const pieces = Object.entries(ODD_PIECES).map(([name, odd]) => ({
    ...{ name: `odd: a piece of HLS ${name}`, request: {} },
    files: async () => {
      const all = await makeHls("mpegts");
      return new Map([...all, ["2.ts", odd(all)]]);
    },
  }));
  return [...files, ...elsewhere, ...pieces];
}
