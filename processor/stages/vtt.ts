/** Subtitles as text: WebVTT, and what becomes WebVTT without a tool. Times are seconds. */

export interface Cue {
  readonly start: number;
  readonly end: number;
  /** Settings behind the times, with the space in front; empty for none. */
  readonly settings: string;
  readonly text: string;
}

/** Text in whatever encoding subtitles come in: a byte order mark decides, then UTF-8, then Windows-1252. */
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

const TIMES = /^((?:\d+:)?\d{1,2}:\d{2}\.\d{3})[ \t]+-->[ \t]+((?:\d+:)?\d{1,2}:\d{2}\.\d{3})(.*)$/;

/**
 * The part of a WebVTT file that a section of the media shows, with times from its start. Header, styles and regions
 * stay.
 */
export function sectionOfVtt(vtt: string, start: number, end: number | null): string {
  const last = end ?? Number.POSITIVE_INFINITY;
  const blocks = vtt.replace(/\r\n?/g, "\n").split(/\n{2,}/);
  const kept = blocks.flatMap((block) => {
    const lines = block.split("\n");
    const at = lines.findIndex((line) => TIMES.test(line));
    const match = TIMES.exec(lines[at] ?? "");
    if (!match) return [block];
    const [from, to] = [secondsOf(match[1] ?? "") - start, secondsOf(match[2] ?? "") - start];
    if (to <= 0 || from >= last - start) return [];
    lines[at] = `${stamp(Math.max(0, from))} --> ${stamp(Math.min(to, last - start))}${match[3]}`;
    return [lines.join("\n")];
  });
  return `${kept.join("\n\n").trimEnd()}\n`;
}

/** Pieces of a WebVTT playlist as one file; cues that span pieces are named in each, and once is enough. */
export function joinVtt(pieces: readonly string[]): string {
  const blocks = pieces.flatMap((piece) =>
    piece
      .replace(/\r\n?/g, "\n")
      .split(/\n{2,}/)
      .map((block) => block.trim())
      .filter((block) => block !== "" && !isVtt(block)),
  );
  return `WEBVTT\n\n${[...new Set(blocks)].join("\n\n")}\n`;
}

/** WebVTT of TTML, with its text and times and without its looks; null when it holds no cues. */
export function ttmlToVtt(ttml: string): string | null {
  const ticks = Number(/\bttp:tickRate="(\d+)"/.exec(ttml)?.[1] ?? 1);
  const frames = Number(/\bttp:frameRate="(\d+)"/.exec(ttml)?.[1] ?? 30);
  const cues = [...ttml.matchAll(/<(?:\w+:)?p\b([^>]*)>([\s\S]*?)<\/(?:\w+:)?p>/g)].flatMap(
    ([, attributes = "", content = ""]) => {
      const time = (name: string) =>
        ttmlSeconds(new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1], ticks, frames);
      const [start, end, length] = [time("begin"), time("end"), time("dur")];
      const last = end ?? (start !== null && length !== null ? start + length : null);
      const text = plainText(content);
      return start === null || last === null || text === "" ? [] : [{ start, end: last, settings: "", text }];
    },
  );
  return cues.length === 0 ? null : vttOf(cues);
}

function vttOf(cues: readonly Cue[]): string {
  const blocks = cues.map(
    ({ start, end, settings, text }) => `${stamp(start)} --> ${stamp(end)}${settings}\n${text}`,
  );
  return `WEBVTT\n\n${blocks.join("\n\n")}\n`;
}

function ttmlSeconds(text: string | undefined, ticks: number, frames: number): number | null {
  const clock = /^(\d+):(\d{2}):(\d{2})(?:(\.\d+)|:(\d+))?$/.exec(text ?? "");
  if (clock) {
    const [hours, minutes, seconds] = [Number(clock[1]), Number(clock[2]), Number(clock[3])];
    const rest = clock[4] === undefined ? Number(clock[5] ?? 0) / frames : Number(clock[4]);
    return hours * 3600 + minutes * 60 + seconds + rest;
  }
  const offset = /^(\d+(?:\.\d+)?)(h|ms|m|s|f|t)$/.exec(text ?? "");
  if (!offset) return null;
  const units: Record<string, number> = { h: 3600, m: 60, s: 1, ms: 0.001, f: 1 / frames, t: 1 / ticks };
  return Number(offset[1]) * (units[offset[2] ?? ""] ?? 0);
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&amp;", lt: "&lt;", gt: "&gt;" };
const MARKUP: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

/** Line breaks stay, marks go; entities that WebVTT knows too are kept as they are. */
function plainText(content: string): string {
  return content
    .replace(/\s+/g, " ")
    .replace(/<(?:\w+:)?br\s*\/?>/g, "\n")
    .replace(/<[^>]*>/g, "")
    .replace(/&(#x[\da-f]+|#\d+|\w+);/gi, (whole, name: string) => ENTITIES[name] ?? character(name) ?? whole)
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
