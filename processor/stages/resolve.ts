import { addressTag } from "../../schema/source-id.ts";
import { cutBytes } from "../../schema/storage/object-key.ts";
import type { RunContext } from "../dependencies.ts";
import { Fault, SourceFault } from "../fault.ts";
import { UpcomingError } from "../run/upcoming.ts";
import type { YtdlpInfo } from "../tools/ytdlp-info.ts";
import { findMedia, type Media } from "./find-media.ts";
import { isEndless } from "./live/endless-source.ts";
import { withOwnFragments } from "./parts/own-manifest.ts";
import { OpenedFile, openFileFor } from "./plain/opened-file.ts";
import { chooseFormats, type FormatChoice } from "./select.ts";
import { chosenStreams, describeSource, isLive, type Source } from "./source.ts";

/** The result of an extraction, and what it cost. */
export interface Resolved {
  readonly source: Source;
  /** The source itself, if resolving it opened it; to be closed. */
  readonly opened?: OpenedFile | null;
  readonly extractMs: number;
}

/** Some sources are slow; a minute and a half without a response means that there is none. */
const TIMEOUT_MS = 90_000;
/** Length of a file's name in an id, so that the hash after it is not cut off. */
const MAX_NAMELESS_ID_BYTES = 48;

/**
 * Asks what the URL leads to and which of its streams to use: one extraction, reused by everything after it.
 *
 * @throws Fault of the extraction; `is_playlist`, `upcoming`, `drm`, `no_format` when there is nothing to fetch,
 * `live` when a stream is on air but cannot be recorded
 */
export async function resolveSource(context: RunContext): Promise<Resolved> {
  const startedAt = performance.now();
  const { request } = context;
  const { url, plan } = request;
  const openFile = request.recording.asked ? null : openFileFor(context);
  const media = await findMedia({ ...context, openFile }, { url, plan, timeoutMs: TIMEOUT_MS });
  const opened = media.opened && new OpenedFile(context.client, media.opened);
  try {
    const source = await sourceOf(context, media);
    return { source, opened, extractMs: Math.round(performance.now() - startedAt) };
  } catch (error) {
    opened?.close();
    throw error;
  }
}

async function sourceOf(context: RunContext, { info, choice: best }: Media): Promise<Source> {
  const { request } = context;
  const { url } = request;
  if (info.live_status === "is_upcoming") throw new UpcomingError(info.release_timestamp);
  const choice = isLive(info) ? recordable(context, info, best) : best;
  const [first, ...others] = chosenStreams(choice.formats, choice.extraAudio);
  if (!first) throw noStream(info);
  for (const cookie of info.cookie_lines ?? []) context.client.cookies.accept([cookie.line], cookie.url);
  const id = await sourceId(info, url);
  const described = { ...describeSource(info, [first, ...others], choice), id };
  const isRadio = request.recording.asked && !described.live && others.length === 0;
  const live = described.live || (isRadio && (await isEndless(context, first, true)));
  return await withOwnFragments(context, { ...described, live });
}

/** Pictures alone are what is left of a page whose media the extractor cannot read any more. */
function noStream({ _has_drm, formats = [] }: YtdlpInfo): Fault {
  const hasMedia = formats.some(({ vcodec, acodec }) => vcodec !== "none" || acodec !== "none");
  return Fault.of(_has_drm === true ? "drm" : "no_format", "no stream was chosen", {
    suspicion: _has_drm === true || hasMedia ? undefined : "possible",
  });
}

/** Extractors that use the last part of an address as the id. */
const NAMELESS = /^(?:generic|html5)/i;

/** The source's own id; if it has none, the name of its file with a hash of its address. */
async function sourceId(info: YtdlpInfo, url: string): Promise<string> {
  const id = typeof info.id === "string" ? info.id : "";
  if (!NAMELESS.test(info.extractor_key ?? info.extractor ?? "generic")) return id;
  const tag = await addressTag(url);
  return id === "" ? tag : `${cutBytes(id, MAX_NAMELESS_ID_BYTES)}-${tag}`;
}

/**
 * Only HLS is recorded: if the best streams are something else, the best of HLS, with the one audio language of a
 * recording.
 */
function recordable(
  { request: { plan } }: RunContext,
  { formats = [] }: YtdlpInfo,
  best: FormatChoice,
): FormatChoice {
  const isHls = (choice: FormatChoice) =>
    choice.extraAudio.length === 0 &&
    chosenStreams(choice.formats).every(({ protocol }) => protocol === "hls");
  if (isHls(best)) return best;
  const single = plan.audio_language === "all" ? { ...plan, audio_language: "original" } : plan;
  const choice = chooseFormats(
    formats.filter(({ protocol }) => protocol?.startsWith("m3u8")),
    single,
  );
  if (choice.formats.length === 0) throw new SourceFault("live");
  if (single === plan) return choice;
  const reason = "A recording has one language";
  const reported = { field: "audio_language", from: "all", to: choice.language ?? "original", reason };
  return { ...choice, adjustments: [...choice.adjustments, reported] };
}
