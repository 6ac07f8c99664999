import type { MediaPlan } from "../../schema/media.ts";
import type { EgressProxy } from "../egress/proxy.ts";
import { Fault } from "../fault.ts";
import type { ExtractionCache } from "../tools/extraction-cache.ts";
import type { Extraction, ExtractorPool } from "../tools/extractor.ts";
import { selectFormats } from "./select.ts";

/** The answer of a source about one medium. */
export type Media = Extract<Extraction, { kind: "video" }>;

/** What finding needs of a run or a probe. */
export interface Finder {
  readonly extractor: ExtractorPool;
  readonly extractions: ExtractionCache;
  readonly proxy: EgressProxy;
  readonly upstream: string | undefined;
  readonly signal: AbortSignal;
}

export interface Wanted {
  readonly url: string;
  /** Whose streams are chosen; null chooses the best. */
  readonly plan: MediaPlan | null;
  readonly timeoutMs: number;
}

/** A list whose only entry is the media is looked through this often: a page in a page, no more. */
const MAX_HOPS = 3;

/**
 * Asks the source, or takes what a probe of the last minute was told; then only the streams are chosen anew.
 *
 * @throws Fault of the extraction; `is_playlist` for a list of several
 */
export async function findMedia(finder: Finder, wanted: Wanted): Promise<Media> {
  const { extractor, extractions, proxy, upstream, signal } = finder;
  const kept = extractions.find(wanted.url);
  if (!kept || kept.upstream !== upstream) return askSource(finder, wanted, wanted.url, MAX_HOPS);
  const { timeoutMs, plan } = wanted;
  return extractor.select(kept.info, { options: selection(plan), proxy, signal, timeoutMs });
}

async function askSource(finder: Finder, wanted: Wanted, url: string, hops: number): Promise<Media> {
  const { extractor, proxy, signal } = finder;
  const { timeoutMs, plan } = wanted;
  const found = await extractor.extract({ url, proxy, signal, options: selection(plan), timeoutMs });
  if (found.kind === "video") return found;
  const [only, another] = found.entries;
  if (only?.url === undefined || another !== undefined || hops === 0) throw new Fault("is_playlist");
  return askSource(finder, wanted, only.url, hops - 1);
}

function selection(plan: MediaPlan | null): Readonly<Record<string, unknown>> {
  if (plan === null) return {};
  const { format, sort } = selectFormats(plan);
  return { format, format_sort: sort };
}
