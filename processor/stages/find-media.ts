import { type MediaPlan, plan as planOf } from "../../schema/media.ts";
import type { SourceSession } from "../cookies/source-session.ts";
import type { EgressProxy } from "../egress/proxy.ts";
import type { RangeSource } from "../egress/range-source.ts";
import { SourceFault } from "../fault.ts";
import type { ExtractionCache } from "../tools/extraction-cache.ts";
import type { Extraction, ExtractorPool } from "../tools/extractor.ts";
import { type OpenFile, openPlainFile } from "./plain/plain-file.ts";
import { chooseFormats, type FormatChoice, formatSort } from "./select.ts";

/** The response of a source about one media item, and what is used of it. */
export interface Media extends Pick<Extract<Extraction, { kind: "video" }>, "info"> {
  readonly choice: FormatChoice;
  /** The media itself, if finding it opened it: the caller closes it. */
  readonly opened: RangeSource | null;
}

/** What this needs from a run or a probe. */
export interface Finder {
  readonly extractor: ExtractorPool;
  readonly extractions: ExtractionCache;
  readonly proxy: EgressProxy;
  readonly upstream: string | undefined;
  readonly session: SourceSession;
  readonly signal: AbortSignal;
  /** How a file that needs no extraction is opened; null if everything is to be extracted. */
  readonly openFile: OpenFile | null;
}

export interface Wanted {
  readonly url: string;
  /** The plan for which streams are chosen; null chooses the best. */
  readonly plan: MediaPlan | null;
  readonly timeoutMs: number;
}

/** If the only entry of a list is the media, it is followed this often: a page in a page, no more. */
const MAX_HOPS = 3;

/**
 * Asks the source, or uses what a probe of the last minute found; then only the streams are chosen again.
 *
 * @throws Fault of the extraction; `is_playlist` for a list of several
 */
export async function findMedia(finder: Finder, wanted: Wanted): Promise<Media> {
  const { extractor, extractions, proxy, upstream, session, signal } = finder;
  // what is kept was found without cookies
  const kept = session.isAnonymous ? extractions.find(wanted.url) : undefined;
  const isUsable = kept !== undefined && kept.upstream === upstream && kept.version === extractor.version;
  const { timeoutMs, plan, url } = wanted;
  if (!isUsable) {
    const plain = await openPlainFile(finder, url, selection(plan));
    return plain ? chosen(plain.found, plan, plain.file) : askSource(finder, wanted, url, MAX_HOPS);
  }
  const { info } = kept;
  // a file is its own only format
  if (info.direct === true && info.formats?.length === 1)
    return chosen({ info, requested: info.formats }, plan);
  const found = await extractor.select(kept.info, { options: selection(plan), proxy, signal, timeoutMs });
  return chosen(found, plan);
}

async function askSource(finder: Finder, wanted: Wanted, url: string, hops: number): Promise<Media> {
  const { extractor, proxy, session, signal } = finder;
  const { timeoutMs, plan } = wanted;
  const found = await extractor.extract({ url, proxy, session, signal, options: selection(plan), timeoutMs });
  if (found.kind === "video") return chosen(found, plan);
  const [only, another] = found.entries;
  if (only?.url === undefined || another !== undefined || hops === 0) throw new SourceFault("is_playlist");
  return askSource(finder, wanted, only.url, hops - 1);
}

/** The extractor only sorts; its own choice is ignored if there is a plan. */
const selection = (plan: MediaPlan | null): Readonly<Record<string, unknown>> =>
  plan === null ? {} : { format_sort: formatSort(plan) };

function chosen(
  { info, requested }: Pick<Extract<Extraction, { kind: "video" }>, "info" | "requested">,
  plan: MediaPlan | null,
  opened: RangeSource | null = null,
): Media {
  const formats = info.formats ?? [];
  if (plan !== null) return { info, choice: chooseFormats(formats, plan), opened };
  const { language, languages } = chooseFormats(formats, ANY_PLAN);
  const choice = { formats: requested, extraAudio: [], language, languages, adjustments: [] };
  return { info, choice, opened };
}

/** What a request without options asks for. */
const ANY_PLAN = planOf({}).plan;
