import { Fault } from "../fault.ts";
import type { RunContext } from "../kit.ts";
import type { YtdlpFormat, YtdlpInfo } from "../tools/ytdlp-info.ts";
import { Upcoming } from "../upcoming.ts";
import { findMedia } from "./find-media.ts";
import { selectFormats } from "./select.ts";
import { chosenStreams, describeSource, isLive, type Source } from "./source.ts";

/** What an extraction gave, and what it took. */
export interface Resolved {
  readonly source: Source;
  readonly extractMs: number;
}

/** Some sources take their time; a minute and a half without an answer is none. */
const TIMEOUT_MS = 90_000;

/**
 * Asks what is behind the URL and which of its streams to take: one extraction, reused by everything after it.
 *
 * @throws Fault of the extraction; `is_playlist`, `upcoming`, `drm`, `no_format` when there is nothing to fetch,
 *   `live` when a stream is on air in no way that can be recorded
 */
export async function resolveSource(context: RunContext): Promise<Resolved> {
  const startedAt = performance.now();
  const { url, plan } = context.request;
  const { info, requested: best } = await findMedia(context, { url, plan, timeoutMs: TIMEOUT_MS });
  if (info.live_status === "is_upcoming") throw new Upcoming(info.release_timestamp);
  const requested = isLive(info) ? await recordable(context, info, best) : best;
  const [first, second] = chosenStreams(requested);
  if (!first) throw new Fault(info._has_drm === true ? "drm" : "no_format", "no stream was chosen");
  const source = describeSource(info, second === undefined ? [first] : [first, second]);
  return { source, extractMs: Math.round(performance.now() - startedAt) };
}

/** Only HLS is recorded: where the best streams are something else, the best of HLS. */
async function recordable(
  { extractor, proxy, signal, request }: RunContext,
  info: YtdlpInfo,
  best: readonly YtdlpFormat[],
): Promise<readonly YtdlpFormat[]> {
  const isHls = (formats: readonly YtdlpFormat[]) =>
    chosenStreams(formats).every(({ protocol }) => protocol === "hls");
  if (isHls(best)) return best;
  const only = "[protocol^=m3u8]";
  const options = {
    format: `b${only}/bv*${only}+ba${only}/bv*${only}/ba${only}`,
    format_sort: selectFormats(request.plan).sort,
  };
  const { requested } = await extractor.select(info, { options, proxy, signal, timeoutMs: TIMEOUT_MS });
  if (requested.length === 0) throw new Fault("live");
  return requested;
}
