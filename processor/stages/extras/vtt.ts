import { escapeXml, XmlRefusedError, xmlAttribute, xmlTokens } from "../../../schema/xml.ts";
import { ServiceFault } from "../../fault.ts";
import { LineLimitError, textLines } from "../../text-lines.ts";

/** Subtitles as text: WebVTT, and what is converted to WebVTT without a tool. Times are in seconds. */

export interface Cue {
  readonly start: number;
  readonly end: number;
  /** Settings after the times, with the space before them; empty for none. */
  readonly settings: string;
  readonly text: string;
}

/** Decodes text in any encoding that subtitles come in: a byte order mark decides, then UTF-8, then Windows-1252. */
export function decodeText(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

export const isVtt = (text: string): boolean => /^\uFEFF?WEBVTT(?=[ \t\r\n]|$)/.test(text);

/** A day of dialogue has some 30,000 cues. */
const LIMITS = { maxLines: 500_000, maxLineLength: 64 << 10 } as const;
const MAX_CUES = 100_000;

const TIME = String.raw`(?:\d{1,6}:)?\d{1,2}:\d{2}\.\d{3}`;
// regexp-ok: built from constants; anchored at the beginning, and no part can match what the next one matches
const TIMES = new RegExp(`^(${TIME})[ \\t]+-->[ \\t]+(${TIME})(.*)$`);

/**
 * The blocks of a WebVTT file, each as its lines.
 *
 * @throws Fault `processing` for a file that is larger than subtitles are
 */
function blocksOf(vtt: string): string[][] {
  try {
    const blocks: string[][] = [];
    let block: string[] = [];
    for (const line of [...textLines(vtt.replace(/\r\n?/g, "\n"), LIMITS), ""]) {
      if (line !== "") block.push(line);
      else if (block.length > 0) {
        blocks.push(block);
        block = [];
      }
    }
    if (blocks.length > MAX_CUES) throw new ServiceFault("processing", "subtitles of too many cues");
    return blocks;
  } catch (error) {
    if (error instanceof LineLimitError)
      throw new ServiceFault("processing", `subtitles of ${error.message}`);
    throw error;
  }
}

/**
 * The part of a WebVTT file that a section of the media shows, with times from its start. Header, styles and regions
 * stay.
 *
 * @throws Fault `processing` for a file that is larger than subtitles are
 */
export function sectionOfVtt(vtt: string, start: number, end: number | null): string {
  const last = end ?? Number.POSITIVE_INFINITY;
  const kept = blocksOf(vtt).flatMap((lines) => {
    const at = lines.findIndex((line) => TIMES.test(line));
    const match = TIMES.exec(lines[at] ?? "");
    if (!match) return [lines.join("\n")];
    const [from, to] = [secondsOf(match[1] ?? "") - start, secondsOf(match[2] ?? "") - start];
    if (to <= 0 || from >= last - start) return [];
    lines[at] = `${stamp(Math.max(0, from))} --> ${stamp(Math.min(to, last - start))}${match[3]}`;
    return [lines.join("\n")];
  });
  return `${kept.join("\n\n").trimEnd()}\n`;
}

/** A segment of a WebVTT playlist. */
export interface VttPiece {
  readonly text: string;
  /** Where it is in the presentation, as announced. Default 0. */
  readonly start?: number;
  /** Segments of one part share a clock. Default 0. */
  readonly part?: number;
}

/**
 * Joins the segments of a WebVTT playlist into one file; cues that span segments are in each, and appear once in the
 * result. The times of a segment may start from anywhere (`X-TIMESTAMP-MAP`): then the clock of the media says what
 * they mean.
 *
 * @param mediaStart what the clock shows at the beginning of the media, in seconds; null if that is not known: then
 * the first segment of each part is assumed to be where it is announced
 */
export function joinVtt(pieces: readonly VttPiece[], mediaStart: number | null = null): string {
  const blocks = new Set<string>();
  /** What the clock shows at the beginning of the presentation, by part. */
  const origins = new Map<number, number>(mediaStart === null ? [] : [[0, mediaStart]]);
  const seen = new Set<number>();
  for (const { part = 0, start = 0, text } of pieces) {
    const [header = [], ...others] = blocksOf(text);
    const clock = isVtt(header[0] ?? "") ? clockOf(header) : null;
    const announced = clock === null ? null : clock - start;
    const known = origins.get(part);
    const isNear = known !== undefined && Math.abs(nearestTurn((announced ?? 0) - known)) < DELAY_SECONDS;
    // a packager's own delay is the same in audio, video and text
    if (announced !== null && !seen.has(part) && (known === undefined || isNear))
      origins.set(part, announced);
    if (announced !== null) seen.add(part);
    const shift = clock === null ? 0 : nearestTurn(clock - (origins.get(part) ?? clock));
    for (const lines of isVtt(header[0] ?? "") ? others : [header, ...others]) {
      const block = shifted(lines, shift).join("\n").trim();
      if (block !== "" && !isVtt(block)) blocks.add(block);
    }
    if (blocks.size > MAX_CUES) throw new ServiceFault("processing", "subtitles of too many cues");
  }
  return `WEBVTT\n\n${[...blocks].join("\n\n")}\n`;
}

/** Whether a segment's times refer to the media's clock. */
export const hasClock = (vtt: string): boolean => clockOf(vtt.slice(0, HEADER_LENGTH).split("\n")) !== null;

/** The first frame may be shown this much later than the clock of a presentation begins. */
const DELAY_SECONDS = 0.5;
/** The map is in the header. */
const HEADER_LENGTH = 4096;
/** Units of the media's clock per second, and the number after which it wraps around. */
const CLOCK_RATE = 90_000;
const CLOCK_TURN = 2 ** 33 / CLOCK_RATE;

/** What the media's clock shows when the times of a segment are 0, in seconds; null if it does not say so. */
function clockOf(header: readonly string[]): number | null {
  const line = header.find((one) => one.startsWith("X-TIMESTAMP-MAP="));
  const stated = /MPEGTS:\s{0,9}(\d{1,12})/.exec(line ?? "");
  if (!line || !stated) return null;
  const local = /LOCAL:\s{0,9}((?:\d{1,6}:)?\d{1,2}:\d{2}\.\d{3})/.exec(line);
  return Number(stated[1]) / CLOCK_RATE - secondsOf(local?.[1] ?? "0");
}

/** The clock wraps around every 26 hours: what looks like a day is a moment. */
const nearestTurn = (seconds: number): number => seconds - Math.round(seconds / CLOCK_TURN) * CLOCK_TURN;

/** The lines of a block with shifted times; none for a cue that is over before the media begins. */
function shifted(lines: readonly string[], seconds: number): readonly string[] {
  const at = seconds === 0 ? -1 : lines.findIndex((line) => TIMES.test(line));
  const match = TIMES.exec(lines[at] ?? "");
  if (!match) return lines;
  const [from, to] = [match[1], match[2]].map((time) => secondsOf(time ?? "") + seconds) as [number, number];
  if (to <= 0) return [];
  return lines.with(at, `${stamp(Math.max(0, from))} --> ${stamp(to)}${match[3]}`);
}

/**
 * Converts TTML to WebVTT, with its text and times and without its styles; null if it has no cues.
 *
 * @throws Fault `processing` for a document that is larger than subtitles are, or is not TTML
 */
export function ttmlToVtt(ttml: string): string | null {
  try {
    const cues = ttmlCues(ttml);
    return cues.length === 0 ? null : vttOf(cues);
  } catch (error) {
    if (error instanceof XmlRefusedError)
      throw new ServiceFault("processing", `subtitles with ${error.message}`);
    throw error;
  }
}

/** Units of a document's times, per second. */
interface Rates {
  readonly ticks: number;
  readonly frames: number;
}

function ttmlCues(ttml: string): Cue[] {
  let rates: Rates = { ticks: 1, frames: 30 };
  const cues: Cue[] = [];
  /** The paragraph that is open, and its text so far. */
  let open: { readonly attributes: string; content: string } | null = null;
  for (const token of xmlTokens(ttml)) {
    if (token.kind === "text") {
      if (open) open.content += (token.isLiteral ? escapeXml(token.text) : token.text).replace(/\s+/g, " ");
      continue;
    }
    const name = token.name.slice(token.name.indexOf(":") + 1);
    if (name === "tt" && token.kind === "open") rates = ratesOf(token.attributes);
    else if (name === "br" && open && token.kind !== "close") open.content += "\n";
    else if (name !== "p") continue;
    else if (token.kind === "open") open ??= { attributes: token.attributes, content: "" };
    else if (token.kind === "close" && open) {
      const cue = ttmlCue(open.attributes, plainText(open.content), rates);
      if (cue) cues.push(cue);
      if (cues.length > MAX_CUES) throw new XmlRefusedError(`more than ${MAX_CUES} cues`);
      open = null;
    }
  }
  return cues;
}

function ratesOf(attributes: string): Rates {
  const rate = (name: string, usual: number) => {
    const value = Number(/^\d{1,12}$/.exec(xmlAttribute(attributes, name) ?? "")?.[0]);
    return value > 0 ? value : usual;
  };
  return { ticks: rate("ttp:tickRate", 1), frames: rate("ttp:frameRate", 30) };
}

function ttmlCue(attributes: string, text: string, rates: Rates): Cue | null {
  const time = (name: string) => ttmlSeconds(xmlAttribute(attributes, name), rates);
  const [start, end, length] = [time("begin"), time("end"), time("dur")];
  const last = end ?? (start !== null && length !== null ? start + length : null);
  return start === null || last === null || text === "" ? null : { start, end: last, settings: "", text };
}

function vttOf(cues: readonly Cue[]): string {
  const blocks = cues.map(
    ({ start, end, settings, text }) => `${stamp(start)} --> ${stamp(end)}${settings}\n${text}`,
  );
  return `WEBVTT\n\n${blocks.join("\n\n")}\n`;
}

function ttmlSeconds(text: string | null, { ticks, frames }: Rates): number | null {
  const clock = /^(\d{1,6}):(\d{2}):(\d{2})(?:(\.\d{1,12})|:(\d{1,6}))?$/.exec(text ?? "");
  if (clock) {
    const [hours, minutes, seconds] = [Number(clock[1]), Number(clock[2]), Number(clock[3])];
    const rest = clock[4] === undefined ? Number(clock[5] ?? 0) / frames : Number(clock[4]);
    return hours * 3600 + minutes * 60 + seconds + rest;
  }
  const offset = /^(\d{1,15}(?:\.\d{1,12})?)(h|ms|m|s|f|t)$/.exec(text ?? "");
  if (!offset) return null;
  const units: Record<string, number> = { h: 3600, m: 60, s: 1, ms: 0.001, f: 1 / frames, t: 1 / ticks };
  return Number(offset[1]) * (units[offset[2] ?? ""] ?? 0);
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&amp;", lt: "&lt;", gt: "&gt;" };
const MARKUP: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

/** Line breaks stay, tags are removed; entities that WebVTT knows too are kept unchanged. */
function plainText(content: string): string {
  return content
    .replace(
      /&(#x[\da-f]{1,8}|#\d{1,8}|[a-z]\w{0,30});/gi,
      (whole, name: string) => ENTITIES[name] ?? character(name) ?? whole,
    )
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .join("\n");
}

function character(name: string): string | null {
  if (name === "quot") return '"';
  if (name === "apos") return "'";
  const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
  if (!name.startsWith("#") || !(code > 0 && code <= 0x10ffff)) return null;
  const text = String.fromCodePoint(code);
  return MARKUP[text] ?? text;
}

function secondsOf(text: string): number {
  return text.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
}

/** @example stamp(3723.5) // "01:02:03.500" */
function stamp(seconds: number): string {
  const ms = Math.round(seconds * 1000);
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  return `${two(ms / 3_600_000)}:${two((ms / 60_000) % 60)}:${two((ms / 1000) % 60)}.${String(ms % 1000).padStart(3, "0")}`;
}
