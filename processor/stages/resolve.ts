import { Fault } from "../fault.ts";
import type { RunContext } from "../kit.ts";
import type { Extraction } from "../tools/extractor.ts";
import { selectFormats } from "./select.ts";
import { chosenStreams, describeSource, type Source } from "./source.ts";

/** What an extraction gave, and what it took. */
export interface Resolved {
  readonly source: Source;
  readonly extractMs: number;
}

/** A list whose only entry is the media is looked through this often: a page in a page, no more. */
const MAX_HOPS = 3;
/** Some sources take their time; a minute without an answer is none. */
const TIMEOUT_MS = 90_000;

/**
 * Asks what is behind the URL and which of its streams to take: one extraction, reused by everything after it.
 *
 * @throws Fault of the extraction; `is_playlist`, `upcoming`, `live`, `drm`, `no_format` when there is nothing to fetch
 */
export async function resolveSource(context: RunContext): Promise<Resolved> {
  const startedAt = performance.now();
  const { info, requested } = await extractMedia(context, context.request.url, MAX_HOPS);
  if (info.live_status === "is_upcoming") throw new Fault("upcoming");
  const [first, second] = chosenStreams(requested);
  if (!first) throw new Fault(info._has_drm === true ? "drm" : "no_format", "no stream was chosen");
  const source = describeSource(info, second === undefined ? [first] : [first, second]);
  if (source.live) throw new Fault("live");
  return { source, extractMs: Math.round(performance.now() - startedAt) };
}

type Media = Extract<Extraction, { kind: "video" }>;

async function extractMedia(context: RunContext, url: string, hops: number): Promise<Media> {
  const { extractor, proxy, signal, request } = context;
  const { format, sort } = selectFormats(request.plan);
  const options = { format, format_sort: sort };
  const found = await extractor.extract({ url, proxy, signal, options, timeoutMs: TIMEOUT_MS });
  if (found.kind === "video") return found;
  const [only, another] = found.entries;
  if (only?.url === undefined || another !== undefined || hops === 0) throw new Fault("is_playlist");
  return extractMedia(context, only.url, hops - 1);
}
