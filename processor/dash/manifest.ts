import { decodeXml, XmlRefusedError, xmlAttribute, xmlTokens } from "../../schema/xml.ts";
import { SourceFault } from "../fault.ts";
import { type DashSegment, type SegmentInfo, segmentsOf } from "./segments.ts";

/** Reads DASH manifests (ISO 23009-1) of finished presentations. Times are seconds. */

export interface Representation {
  readonly id: string;
  /** @example "video" */
  readonly contentType: string;
  readonly language: string | null;
  readonly bandwidth: number | null;
  readonly height: number | null;
  readonly codecs: string;
  /** @throws Fault `network` if the manifest does not state them */
  readonly segments: () => DashSegment[];
}

export interface Period {
  /** Null if unknown. */
  readonly duration: number | null;
  readonly representations: readonly Representation[];
}

export interface Manifest {
  /** Of the whole presentation; null if unknown. */
  readonly duration: number | null;
  readonly periods: readonly Period[];
  /** A segment's duration repeats up to the next entry or the end of the period. */
  readonly hasOpenRepeats: boolean;
  /** Some segments are byte ranges of files. */
  readonly hasSegmentRanges: boolean;
  /** States the numbers of last segments. */
  readonly hasEndNumbers: boolean;
  /** Its files are at several addresses. */
  readonly hasAlternatives: boolean;
}

const MAX_PERIODS = 1000;
const MAX_REPRESENTATIONS = 5000;
/** Addresses of the same file. */
const MAX_BASES = 4;

/** What an element passes down to its children. */
interface Level {
  /** Where its addresses may begin: the first one, and others that have the same files. */
  readonly bases: readonly string[];
  /** Those of its parent; its own ones begin with them. */
  readonly parentBases: readonly string[];
  readonly info: SegmentInfo;
  readonly attributes: Readonly<Record<string, string>>;
}

const INHERITED = ["mimeType", "contentType", "lang", "codecs", "height", "bandwidth", "id"] as const;

/**
 * Reads a manifest. The work is linear in its length.
 *
 * @param baseUrl where it came from
 * @throws Fault `network` for anything but a manifest of reasonable size
 */
export function parseManifest(xml: string, baseUrl: string): Manifest {
  try {
    return new Reader(baseUrl).read(xml);
  } catch (error) {
    if (error instanceof XmlRefusedError)
      throw new SourceFault("network", `the manifest is ${error.message}`);
    throw error;
  }
}

interface OpenPeriod {
  readonly start: number | null;
  readonly declared: number | null;
  readonly found: { readonly level: Level }[];
}

class Reader {
  readonly #periods: OpenPeriod[] = [];
  #mpd = { duration: null as number | null, isThere: false };
  #levels: Level[];
  #hasOpenRepeats = false;
  #hasSegmentRanges = false;
  #hasEndNumbers = false;
  #hasAlternatives = false;
  #representations = 0;
  #isInBase = false;

  constructor(baseUrl: string) {
    const bases = [baseUrl];
    this.#levels = [{ bases, parentBases: bases, info: {}, attributes: {} }];
  }

  read(xml: string): Manifest {
    for (const token of xmlTokens(xml)) {
      if (token.kind === "text") {
        if (this.#isInBase) this.#setBase((token.isLiteral ? token.text : decodeXml(token.text)).trim());
        continue;
      }
      const name = token.name.slice(token.name.indexOf(":") + 1);
      if (token.kind !== "close") this.#open(name, (attribute) => xmlAttribute(token.attributes, attribute));
      if (name === "BaseURL") this.#isInBase = token.kind === "open";
      if (token.kind !== "open") this.#close(name);
    }
    if (!this.#mpd.isThere) throw new SourceFault("network", "not a DASH manifest", { transient: false });
    return {
      duration: this.#mpd.duration,
      periods: this.#periods.map((period, index) => this.#finish(period, index)),
      hasOpenRepeats: this.#hasOpenRepeats,
      hasSegmentRanges: this.#hasSegmentRanges,
      hasEndNumbers: this.#hasEndNumbers,
      hasAlternatives: this.#hasAlternatives,
    };
  }

  #open(name: string, attribute: (name: string) => string | null): void {
    const level = this.#level;
    if (name === "MPD") {
      this.#mpd = {
        duration: secondsOfDuration(attribute("mediaPresentationDuration")),
        isThere: true,
      };
    } else if (name === "Period") {
      if (this.#periods.length === MAX_PERIODS)
        throw new SourceFault("network", "the manifest has too many periods", { transient: false });
      const [start, declared] = ["start", "duration"].map((key) => secondsOfDuration(attribute(key)));
      this.#periods.push({ start: start ?? null, declared: declared ?? null, found: [] });
      this.#levels.push({ ...level, parentBases: level.bases, attributes: {} });
    } else if (name === "AdaptationSet" || name === "Representation") {
      const own = INHERITED.flatMap((key) => {
        const value = attribute(key);
        return value === null || (key === "id" && name === "AdaptationSet") ? [] : [[key, value]];
      });
      const attributes = { ...level.attributes, ...Object.fromEntries(own) };
      this.#levels.push({ ...level, parentBases: level.bases, attributes });
    } else if (name === "SegmentTemplate" || name === "SegmentList" || name === "SegmentBase") {
      const keys = ["timescale", "duration", "startNumber", "endNumber", "initialization", "media"];
      if (attribute("endNumber") !== null) this.#hasEndNumbers = true;
      const own = keys.flatMap((key) => {
        const value = attribute(key);
        return value === null ? [] : [[key, value]];
      });
      // lists and timelines replace inherited ones
      const kept = name === "SegmentList" ? { ...level.info, urls: [] } : level.info;
      this.#setInfo({ ...kept, ...Object.fromEntries(own), kind: name });
    } else if (name === "SegmentTimeline") this.#setInfo({ ...level.info, timeline: [] });
    else if (name === "S") this.#addTime(attribute);
    else if (name === "Initialization") {
      const [url, range] = [attribute("sourceURL"), attribute("range")];
      this.#setInfo({ ...level.info, first: { url, range } });
    } else if (name === "SegmentURL") {
      const [url, range] = [attribute("media"), attribute("mediaRange")];
      if (range !== null) this.#hasSegmentRanges = true;
      level.info.urls?.push({ url, range });
    }
  }

  #close(name: string): void {
    if (name === "Representation") {
      if (++this.#representations > MAX_REPRESENTATIONS)
        throw new SourceFault("network", "the manifest has too many representations", { transient: false });
      this.#periods.at(-1)?.found.push({ level: this.#level });
    }
    const isLevel = name === "Period" || name === "AdaptationSet" || name === "Representation";
    if (isLevel && this.#levels.length > 1) this.#levels.pop();
  }

  #addTime(attribute: (name: string) => string | null): void {
    const [time, duration, repeat] = ["t", "d", "r"].map((key) => wholeNumber(attribute(key)));
    if ((repeat ?? 0) < 0) this.#hasOpenRepeats = true;
    this.#level.info.timeline?.push({ time: time ?? null, duration: duration ?? 0, repeat: repeat ?? 0 });
  }

  get #level(): Level {
    return this.#levels.at(-1) as Level;
  }

  #setInfo(info: SegmentInfo): void {
    this.#levels[this.#levels.length - 1] = { ...this.#level, info };
  }

  /** The first one replaces those of the parent; the others are alternatives. */
  #setBase(address: string): void {
    this.#isInBase = false;
    const { bases, parentBases } = this.#level;
    const own = parentBases.flatMap((base) => URL.parse(address, base)?.href ?? []);
    if (address === "" || own.length === 0) return;
    const known = bases === parentBases ? [] : bases;
    const all = [...new Set([...known, ...own])].slice(0, MAX_BASES);
    if (all.length > 1) this.#hasAlternatives = true;
    this.#levels[this.#levels.length - 1] = { ...this.#level, bases: all };
  }

  #finish({ declared, found, start }: OpenPeriod, index: number): Period {
    const next = this.#periods[index + 1];
    const begin = start ?? (index === 0 ? 0 : null);
    const end = next ? next.start : this.#mpd.duration;
    const duration = declared ?? (begin === null || end === null ? null : end - begin);
    return { duration, representations: found.map(({ level }) => representationOf(level, duration)) };
  }
}

function representationOf({ attributes, bases, info }: Level, duration: number | null): Representation {
  const { bandwidth, codecs = "", contentType, height, id = "", lang, mimeType = "" } = attributes;
  return {
    ...{ id, codecs, language: lang ?? null },
    contentType: contentType ?? mimeType.slice(0, Math.max(0, mimeType.indexOf("/"))),
    bandwidth: wholeNumber(bandwidth ?? null),
    height: wholeNumber(height ?? null),
    segments: () =>
      withAlternatives(
        bases.map((base) => segmentsOf(info, { base, duration, id, bandwidth: bandwidth ?? "0" })),
      ),
  };
}

/** The segments at the first address, each with where else it is. */
function withAlternatives([first = [], ...others]: readonly DashSegment[][]): DashSegment[] {
  if (others.length === 0) return first;
  return first.map((segment, index) => {
    const urls = others.flatMap((its) => its[index]?.url ?? []).filter((url) => url !== segment.url);
    return urls.length === 0 ? segment : { ...segment, alternatives: urls };
  });
}

function wholeNumber(text: string | null): number | null {
  return text !== null && /^-?\d{1,15}$/.test(text.trim()) ? Number(text) : null;
}

/** @example secondsOfDuration("PT1H2.5S") // 3602.5 */
function secondsOfDuration(text: string | null): number | null {
  // years and months have no fixed length, but some packagers write zero of them
  const match =
    /^P(?:0{1,4}Y)?(?:0{1,4}M)?(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?$/.exec(
      text ?? "",
    );
  if (!match) return null;
  const [days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0));
  return (days ?? 0) * 86_400 + (hours ?? 0) * 3600 + (minutes ?? 0) * 60 + (seconds ?? 0);
}
