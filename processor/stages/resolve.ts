import { Fault } from "../fault.ts";
import type { RunContext } from "../kit.ts";
import { Upcoming } from "../upcoming.ts";
import { findMedia } from "./find-media.ts";
import { chosenStreams, describeSource, type Source } from "./source.ts";

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
 * @throws Fault of the extraction; `is_playlist`, `upcoming`, `live`, `drm`, `no_format` when there is nothing to fetch
 */
export async function resolveSource(context: RunContext): Promise<Resolved> {
  const startedAt = performance.now();
  const { url, plan } = context.request;
  const { info, requested } = await findMedia(context, { url, plan, timeoutMs: TIMEOUT_MS });
  if (info.live_status === "is_upcoming") throw new Upcoming(info.release_timestamp);
  const [first, second] = chosenStreams(requested);
  if (!first) throw new Fault(info._has_drm === true ? "drm" : "no_format", "no stream was chosen");
  const source = describeSource(info, second === undefined ? [first] : [first, second]);
  if (source.live) throw new Fault("live");
  return { source, extractMs: Math.round(performance.now() - startedAt) };
}
