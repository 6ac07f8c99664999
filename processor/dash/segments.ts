import type { ByteSpan } from "../egress/source-read.ts";
import { SourceFault } from "../fault.ts";

/** Lists the segments of a representation. */

/** One piece of a representation. */
export interface DashSegment {
  /** Absolute, http or https. */
  readonly url: string;
  /** Other addresses of the same file. */
  readonly alternatives?: readonly string[];
  /** Only these bytes of it. */
  readonly span?: ByteSpan;
  /** Null for an initialisation. */
  readonly duration: number | null;
}

export interface TimelineEntry {
  /** Null: it follows the previous entry. */
  readonly time: number | null;
  readonly duration: number;
  /** Number of repetitions; negative: up to the next entry or the end of the period. */
  readonly repeat: number;
}

export interface NamedSegment {
  /** Null: the representation's file. */
  readonly url: string | null;
  readonly range: string | null;
}

/** `SegmentTemplate`, `SegmentList` or `SegmentBase` with inherited members. */
export interface SegmentInfo {
  readonly kind?: "SegmentTemplate" | "SegmentList" | "SegmentBase";
  readonly timescale?: string;
  readonly duration?: string;
  readonly startNumber?: string;
  readonly endNumber?: string;
  readonly initialization?: string;
  readonly media?: string;
  readonly timeline?: TimelineEntry[];
  readonly urls?: NamedSegment[];
  /** The element `Initialization`. */
  readonly first?: NamedSegment;
}

interface Facts {
  readonly base: string;
  /** Of the period. */
  readonly duration: number | null;
  readonly id: string;
  readonly bandwidth: string;
}

/** Four days of segments of four seconds. */
const MAX_SEGMENTS = 100_000;

/** @throws Fault `network` if the manifest does not state them, `egress_blocked` for an address that is not http(s) */
export function segmentsOf(info: SegmentInfo, facts: Facts): DashSegment[] {
  const media =
    info.kind === "SegmentTemplate"
      ? fromTemplate(info, facts)
      : info.kind === "SegmentList"
        ? fromList(info, facts)
        : [{ url: resolve(facts.base, facts.base), duration: facts.duration ?? 0 }];
  // a whole file contains its initialisation
  const isWholeFile = info.kind !== "SegmentTemplate" && info.kind !== "SegmentList";
  const initialisation = isWholeFile ? null : initialisationOf(info, facts);
  return initialisation ? [initialisation, ...media] : media;
}

function initialisationOf({ first, initialization }: SegmentInfo, facts: Facts): DashSegment | null {
  if (first) {
    return { ...namedSegment(first, facts), duration: null };
  }
  if (initialization === undefined) return null;
  return { url: resolve(fill(initialization, facts, {}), facts.base), duration: null };
}

interface Timed {
  readonly number: number;
  readonly time: number;
  readonly seconds: number;
}

function fromTemplate(info: SegmentInfo, facts: Facts): DashSegment[] {
  const { media } = info;
  if (media === undefined)
    throw new SourceFault("network", "the manifest has a template without media", { transient: false });
  return timesOf(info, facts).map(({ number, seconds, time }) => ({
    url: resolve(fill(media, facts, { Number: number, Time: time }), facts.base),
    duration: seconds,
  }));
}

function fromList(info: SegmentInfo, facts: Facts): DashSegment[] {
  const urls = info.urls ?? [];
  if (urls.length > MAX_SEGMENTS) throw tooMany();
  const timeline = info.timeline ? timesOf(info, facts) : [];
  const each = whole(info.duration) === null ? null : (whole(info.duration) ?? 0) / timescaleOf(info);
  const even = (facts.duration ?? 0) / Math.max(1, urls.length);
  return urls.map((named, index) => ({
    ...namedSegment(named, facts),
    duration: timeline[index]?.seconds ?? each ?? even,
  }));
}

function namedSegment({ range, url }: NamedSegment, { base }: Facts): Omit<DashSegment, "duration"> {
  const span = range === null ? {} : { span: spanOf(range) };
  return { url: resolve(url ?? base, base), ...span };
}

function timesOf(info: SegmentInfo, { duration: period }: Facts): Timed[] {
  const timescale = timescaleOf(info);
  const first = whole(info.startNumber) ?? 1;
  const end = period === null ? null : period * timescale;
  const times: Timed[] = [];
  const add = (time: number, length: number) => {
    if (times.length === MAX_SEGMENTS) throw tooMany();
    times.push({ number: first + times.length, time, seconds: length / timescale });
  };
  if (info.timeline) {
    let time = 0;
    const start = info.timeline[0]?.time ?? 0;
    for (const [index, entry] of info.timeline.entries()) {
      time = entry.time ?? time;
      if (entry.duration <= 0)
        throw new SourceFault("network", "the manifest has a segment without a length", { transient: false });
      const next = info.timeline[index + 1]?.time ?? (end === null ? null : start + end);
      if (entry.repeat < 0 && next === null)
        throw new SourceFault("network", "the manifest does not state how long it is", { transient: false });
      const count =
        entry.repeat >= 0 ? entry.repeat + 1 : Math.ceil(((next ?? 0) - time) / entry.duration - ROUNDING);
      if (count > MAX_SEGMENTS) throw tooMany();
      for (let segment = 0; segment < count; segment++, time += entry.duration) add(time, entry.duration);
    }
    return times;
  }
  const length = whole(info.duration);
  const last = whole(info.endNumber);
  if (length === null || length <= 0 || (end === null && last === null))
    throw new SourceFault("network", "the manifest does not state how long it is", { transient: false });
  const until = end ?? Number.POSITIVE_INFINITY;
  const named = last === null ? Number.POSITIVE_INFINITY : Math.max(0, last - first + 1);
  const count = Math.min(named, Math.ceil(until / length - ROUNDING));
  if (count > MAX_SEGMENTS) throw tooMany();
  for (let index = 0; index < count; index++) add(index * length, Math.min(length, until - index * length));
  return times;
}

/** Announced lengths are rounded: less than a hundredth of a segment is not another segment. */
const ROUNDING = 0.01;

const tooMany = () =>
  new SourceFault("network", "the manifest names too many segments", { transient: false });

const timescaleOf = ({ timescale }: SegmentInfo): number => Math.max(1, whole(timescale) ?? 1);

const whole = (text: string | undefined): number | null =>
  text !== undefined && /^\d{1,15}$/.test(text.trim()) ? Number(text) : null;

/** Manifests state the last byte, inclusive. */
function spanOf(range: string): ByteSpan {
  const match = /^(\d{1,15})-(\d{1,15})?$/.exec(range.trim());
  if (!match)
    throw new SourceFault("network", "the manifest has an unreadable byte range", { transient: false });
  const start = Number(match[1]);
  return match[2] === undefined ? { start } : { start, end: Number(match[2]) + 1 };
}

/** @example fill("$Number%03d$.m4s", facts, { Number: 7 }) // "007.m4s" */
function fill(template: string, { bandwidth, id }: Facts, numbers: Readonly<Record<string, number>>): string {
  return template.replace(/\$(?:([A-Za-z]{1,20})(?:%0(\d{1,2})d)?)?\$/g, (mark, name, width) => {
    if (name === undefined) return "$";
    const value = name === "RepresentationID" ? id : name === "Bandwidth" ? bandwidth : numbers[name];
    return value === undefined ? mark : String(value).padStart(Number(width ?? 0), "0");
  });
}

function resolve(address: string, base: string): string {
  const url = URL.parse(address, base);
  if (!url) throw new SourceFault("network", "the manifest names no valid address", { transient: false });
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new SourceFault("egress_blocked", `the manifest names a ${url.protocol} address`);
  return url.href;
}
