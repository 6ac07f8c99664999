import { parseManifest } from "../../processor/dash/manifest.ts";
import { plainHead } from "../../processor/egress/connection/plain-head.ts";
import { repairedHead } from "../../processor/egress/connection/repaired-head.ts";
import { Fault } from "../../processor/fault.ts";
import { Follower } from "../../processor/hls/follow.ts";
import { parseMediaPlaylist, parsePlaylist } from "../../processor/hls/model.ts";
import { printPlaylist } from "../../processor/hls/print.ts";
import { withBreaks } from "../../processor/hls/transport-stream.ts";
import { cutPlaylist } from "../../processor/hls/window.ts";
import { FrameClock } from "../../processor/media/audio-frames.ts";
import { isUnsupportedMedia } from "../../processor/media/isobmff/box-view.ts";
import { ByteStream, EndedEarlyError } from "../../processor/media/isobmff/byte-stream.ts";
import { openIsoSource } from "../../processor/media/isobmff/iso-source.ts";
import { JoinedMovie } from "../../processor/media/isobmff/joined-movie.ts";
import { interleave, type MediaSource } from "../../processor/media/isobmff/media-source.ts";
import { factsOfMp3 } from "../../processor/media/mp3-facts.ts";
import { openTransportSource } from "../../processor/media/mpegts/transport-source.ts";
import { decodeText, joinVtt, sectionOfVtt, ttmlToVtt } from "../../processor/stages/extras/vtt.ts";
import { readIsoHead } from "../../processor/stages/file-head.ts";
import { lineSplitter } from "../../processor/tools/lines.ts";
import { classifyExtraction, classifyFfmpeg } from "../../processor/tools/tool-errors.ts";
import { judgeUrl } from "../../schema/address.ts";
import { parseRetryAfter } from "../../schema/retry-after.ts";
import { defaultFilename } from "../../schema/storage/object-key.ts";
import { hasXmlElement, xmlElements, xmlText, xmlTexts } from "../../schema/storage/xml-answer.ts";
import { likeness, normaliseTitle } from "../../worker/services/sources/listing/compare-titles.ts";
import { feedItems } from "../../worker/services/sources/listing/feed-items.ts";

/** Everything in the project that reads bytes or text from outside, by name. */

/** What parsing may throw: refusals, each with its meaning. Anything else is a crash. */
const isRefusal = (error: unknown): boolean =>
  error instanceof Fault || error instanceof EndedEarlyError || isUnsupportedMedia(error);

type Read = (bytes: Buffer) => unknown;

const BASE = "https://cdn.example/video/index.m3u8";

async function join(open: (stream: ByteStream) => Promise<MediaSource>, bytes: Buffer): Promise<void> {
  async function* batches() {
    for (let at = 0; at < bytes.length; at += 65_536) yield [bytes.subarray(at, at + 65_536)];
  }
  const stream = new ByteStream(batches());
  try {
    const source = await open(stream);
    const about = {
      brand: "isom",
      tags: { title: null, artist: null, date: null },
      cover: null,
      chapters: [],
    };
    const movie = new JoinedMovie(source.tracks, about);
    for await (const interleaved of interleave([source])) {
      movie.add(interleaved);
      await interleaved.streamTo(() => {});
    }
    movie.front();
  } finally {
    await stream.close();
  }
}

export const PARSERS = {
  iso: (bytes) => join(openIsoSource, bytes),
  isoHead: async (bytes) => {
    const head = await readIsoHead(bytes.length, async (start, length) =>
      bytes.subarray(start, start + length),
    );
    await head?.facts();
  },
  mp3: (bytes) => factsOfMp3(bytes.length, async (start, length) => bytes.subarray(start, start + length)),
  transport: (bytes) => join((stream) => openTransportSource(stream, ["vide", "soun"]), bytes),
  segment: async (bytes) => {
    async function* batches() {
      for (let at = 0; at < bytes.length; at += 1000) yield [bytes.subarray(at, at + 1000)];
    }
    for await (const batch of withBreaks(batches())) void batch;
  },
  playlist: (bytes) => printPlaylist(parsePlaylist(bytes.toString("utf8"), BASE), () => "/0.ts"),
  window: (bytes) => cutPlaylist(parseMediaPlaylist(bytes.toString("utf8"), BASE), { start: 1, end: 2 }),
  live: (bytes) => new Follower(null, true).next(parseMediaPlaylist(bytes.toString("utf8"), BASE)),
  manifest: (bytes) => {
    const { periods } = parseManifest(bytes.toString("utf8"), BASE);
    // each may name as many segments as it likes, so that requesting one of them is enough
    periods[0]?.representations[0]?.segments();
  },
  frames: (bytes) => new FrameClock().add(bytes),
  vtt: (bytes) => sectionOfVtt(decodeText(bytes), 1, 20),
  pieces: (bytes) => joinVtt([{ text: decodeText(bytes) }, { text: decodeText(bytes), start: 2 }]),
  ttml: (bytes) => ttmlToVtt(decodeText(bytes)),
  xml: (bytes) => {
    const text = bytes.toString("utf8");
    for (const name of ["Code", "UploadId", "Key", "Name"]) xmlTexts(text, name);
    for (const upload of xmlElements(text, "Upload")) xmlText(upload, "Key");
    hasXmlElement(text, "Error");
  },
  feed: async (bytes) => {
    const text = bytes.toString("utf8");
    async function* pieces() {
      for (let at = 0; at < text.length; at += 4096) yield text.slice(at, at + 4096);
    }
    for await (const { title } of feedItems(pieces()))
      likeness(normaliseTitle(title), normaliseTitle("A show"));
  },
  title: (bytes) => {
    const text = bytes.toString("utf8");
    likeness(normaliseTitle(text, text), normaliseTitle(`${text} 2`));
    defaultFilename(text, text);
  },
  message: (bytes) => {
    const text = bytes.toString("utf8");
    classifyExtraction({ type: "ExtractorError", message: text, httpReason: text, expected: true });
    // a tool's output is kept up to this length
    classifyFfmpeg(text.slice(-16_384), { code: 1, signal: null });
  },
  lines: (bytes) => {
    const split = lineSplitter(() => {});
    for (let at = 0; at < bytes.length; at += 65_536) split(bytes.subarray(at, at + 65_536));
  },
  head: (bytes) => {
    plainHead(repairedHead(bytes.subarray(0, 65_536)));
    plainHead(
      Buffer.concat([Buffer.from("HTTP/1.1 200 OK\r\n"), bytes.subarray(0, 65_536), Buffer.from("\r\n\r\n")]),
    );
    // the platform's parser accepts no longer header
    parseRetryAfter(bytes.toString("latin1", 0, 16_384), 0);
  },
  url: (bytes) => {
    const url = URL.parse(`https://${bytes.toString("utf8", 0, 16_384)}`);
    if (url) judgeUrl(url, new Set());
  },
} satisfies Readonly<Record<string, Read>>;

export type ParserName = keyof typeof PARSERS;

/** Parses, and throws only crashes, not refusals. */
export async function readForeign(name: ParserName, bytes: Buffer): Promise<void> {
  try {
    await (PARSERS[name] as Read)(bytes);
  } catch (error) {
    if (!isRefusal(error)) throw error;
  }
}
