import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunContext } from "../../dependencies.ts";
import { ServiceFault } from "../../fault.ts";
import { parseMediaPlaylist, presentSegments } from "../../hls/model.ts";
import { HlsSource } from "../../hls/source.ts";
import { firstShown } from "../../media/mpegts/rewrite-times.ts";
import { runFfmpeg } from "../../tools/ffmpeg.ts";
import { type TextDemuxer, ToolInput } from "../../tools/tool-input.ts";
import type { Subtitles, YtdlpInfo } from "../../tools/ytdlp-info.ts";
import type { Source } from "../source.ts";
import { fetchSmall } from "./fetch-small.ts";
import { decodeText, hasClock, isVtt, joinVtt, ttmlToVtt, type VttPiece } from "./vtt.ts";

export type Track = Subtitles[string][number];

/** What a source has for one requested language. */
export interface SubtitleChoice {
  /** As requested. */
  readonly language: string;
  /** As the source names it. */
  readonly tag: string;
  /** Generated automatically. */
  readonly automatic: boolean;
  /** The same text in several formats, the easiest to convert first. */
  readonly tracks: readonly Track[];
}

/** Formats that can be converted to WebVTT, best first. */
const FORMS = ["vtt", "srt", "ttml", "dfxp", "ass", "ssa"];
const MAX_SUBTITLE_BYTES = 10 << 20;
const MAX_PIECES = 5000;

/**
 * The subtitles for a language: the authors' own before automatic ones; of each, the exact language before a variant of
 * it (`en` matches `en-US`) before the language it is a variant of (`pt-BR` matches `pt`).
 */
export function chooseSubtitles(info: YtdlpInfo, language: string): SubtitleChoice | null {
  const asked = language.toLowerCase();
  const matches: ((tag: string) => boolean)[] = [
    (tag) => tag === asked,
    (tag) => tag.startsWith(`${asked}-`),
    (tag) => asked.startsWith(`${tag}-`),
  ];
  for (const automatic of [false, true]) {
    const all = Object.entries((automatic ? info.automatic_captions : info.subtitles) ?? {});
    for (const fits of matches) {
      for (const [tag, tracks] of all.filter(([name]) => fits(name.toLowerCase().replaceAll("_", "-")))) {
        const usable = usableTracks(tracks);
        if (usable.length > 0) return { language, tag, automatic, tracks: usable };
      }
    }
  }
  return null;
}

function usableTracks(tracks: readonly Track[]): Track[] {
  return tracks
    .filter((track) => FORMS.includes(track.ext ?? "") && (track.url ?? track.data) !== undefined)
    .sort((a, b) => FORMS.indexOf(a.ext ?? "") - FORMS.indexOf(b.ext ?? ""));
}

/**
 * Fetches one track and converts it to WebVTT.
 *
 * @param name of its files in the work folder
 * @throws Fault of the source, or `processing` if it is not a subtitle
 */
export async function fetchSubtitle(
  context: RunContext,
  source: Source,
  track: Track,
  name: string,
): Promise<string> {
  const text = await textOf(context, source, track);
  if (isVtt(text)) return text.replace(/^\uFEFF/, "");
  const vtt = /^\s*(?:<\?xml|<(?:\w+:)?tt\b)/.test(text)
    ? ttmlToVtt(text)
    : await convert(context, text, name, track.ext === "ass" || track.ext === "ssa" ? "ass" : "srt");
  if (vtt === null || !vtt.includes("-->"))
    throw new ServiceFault("processing", "the subtitles hold no text");
  return vtt;
}

async function textOf(context: RunContext, source: Source, track: Track): Promise<string> {
  if (track.url === undefined) return track.data ?? "";
  /** All segments together may be no larger than one file. */
  let maxBytes = MAX_SUBTITLE_BYTES;
  const fetchText = async (url: string) => {
    const bytes = await fetchSmall(context, source, { url, maxBytes, signal: context.signal });
    maxBytes -= bytes.length;
    return decodeText(bytes);
  };
  const text = await fetchText(track.url);
  if (!text.startsWith("#EXTM3U")) return text;
  const pieces = presentSegments(parseMediaPlaylist(text, track.url)).slice(0, MAX_PIECES);
  const texts: VttPiece[] = [];
  let length = 0;
  let start = 0;
  for (const { part, seconds, url } of pieces) {
    const piece = await fetchText(url);
    length += piece.length;
    if (length > MAX_SUBTITLE_BYTES)
      throw new ServiceFault("limit_exceeded", "the pieces are too large together");
    texts.push({ text: piece, start, part });
    start += seconds ?? 0;
  }
  return joinVtt(
    texts,
    texts.some((piece) => hasClock(piece.text)) ? await mediaStart(context, source) : null,
  );
}

/** What the clock of an HLS presentation shows at its beginning, in seconds; null if its first bytes do not say so. */
async function mediaStart(
  { client, signal }: RunContext,
  { streams: [stream] }: Source,
): Promise<number | null> {
  if (stream.protocol !== "hls") return null;
  const media = new HlsSource(client, { url: stream.url, headers: stream.headers, signal, connections: 1 });
  try {
    return await firstShown(media.readPart(0, signal));
  } catch {
    signal.throwIfAborted();
    return null;
  } finally {
    media.close();
  }
}

async function convert(
  { folder, proxy, tools, signal }: RunContext,
  text: string,
  name: string,
  form: TextDemuxer,
): Promise<string> {
  const [from, to] = [join(folder, name), join(folder, `${name}.vtt`)];
  await writeFile(from, text.replace(/^\uFEFF/, ""));
  await runFfmpeg({
    ...{ inputs: [ToolInput.text(from, form)], args: ["-f", "webvtt", to], purpose: "inspect" },
    ...{ cwd: folder, proxy, tools, signal },
  });
  if ((await stat(to)).size > MAX_SUBTITLE_BYTES)
    throw new ServiceFault("processing", "the subtitles grew too large");
  return await readFile(to, "utf8");
}
