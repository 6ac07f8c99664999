import { MAX_LISTED_FORMATS, type Metadata, type StreamFacts } from "../../schema/api/probe.ts";
import { DEFAULT_AUDIO_BITRATE, fitStreams, type MediaPlan } from "../../schema/media.ts";
import type { MediaProbeRequest, ProbeOutcome } from "../../schema/wire/probe.ts";
import { SourceSession } from "../cookies/source-session.ts";
import { trySessions } from "../cookies/try-sessions.ts";
import type { ProcessorDependencies } from "../dependencies.ts";
import type { RangeSource } from "../egress/range-source.ts";
import { Fault, ServiceFault } from "../fault.ts";
import { exitsFor, openSourceNetwork } from "../source-network.ts";
import { throughVersions, type VersionTry } from "../tools/through-versions.ts";
import type { YtdlpInfo } from "../tools/ytdlp-info.ts";
import { findMedia } from "./find-media.ts";
import { fileOpener, type Looker, lookIntoFile } from "./look-into-file.ts";
import { chosenStreams, durationOf, isLive, type SourceStream } from "./source.ts";
import { identityOf } from "./source-identity.ts";

/**
 * Asks a source what a URL leads to, without a run. The response is kept for the job that follows.
 *
 * @throws Fault `timeout` when the source takes longer than a probe may; every other refusal is an outcome
 */
export async function probeSource(
  dependencies: ProcessorDependencies,
  request: MediaProbeRequest,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const { url } = request;
  const plan = request.kind === "plan" ? request.plan : null;
  const timeoutMs = dependencies.config.probeSeconds * 1000;
  // a page may lead to another one: the limit applies to all requests together
  const late = AbortSignal.timeout(timeoutMs);
  const session = new SourceSession(request.cookies, dependencies.config);
  const [exit] = exitsFor(dependencies, url, request.exit ? [request.exit] : []);
  session.useExit(exit.name);
  const network = await openSourceNetwork({ ...dependencies, session }, exit);
  try {
    const ended = AbortSignal.any([signal, late]);
    const looking = new AbortController();
    const looker = { ...dependencies, ...network, signal: AbortSignal.any([ended, looking.signal]) };
    const openFile = fileOpener(looker, url);
    const finder = { ...dependencies, ...network, session, signal: ended, openFile };
    const tries: VersionTry[] = [];
    const { info, choice, opened } = await trySessions(session, finder.signal, () =>
      throughVersions(
        {
          ...{ versions: dependencies.versions, policy: request.ytdlp, tries, signal: finder.signal },
          forget: () => dependencies.extractions.remove(url),
        },
        ({ pool }) => findMedia({ ...finder, extractor: pool }, { url, plan, timeoutMs }),
      ),
    );
    const version = tries.at(-1)?.version ?? dependencies.versions.pinned.version;
    // what a session found is for its owner alone; an extraction contains the cookies that its media need, an opened file does not
    const isComplete = opened === null || session.cookies.isEmpty;
    if (info.live_status !== "is_upcoming" && session.isAnonymous && isComplete)
      dependencies.extractions.keep(url, { info, version, upstream: network.upstream, exit: exit.name });
    const chosen = chosenStreams(choice.formats, choice.extraAudio);
    const tooLong = setTimeout(() => looking.abort(new Error("no time is left")), timeoutMs * LOOK_SHARE);
    const { streams, duration } = await lookAt(looker, info, chosen, opened).finally(() => {
      clearTimeout(tooLong);
      opened?.close();
    });
    return {
      type: "found",
      media: describe(info, streams, duration),
      streams: streams.map(factsOf),
      estimated_size: estimate(streams, duration, plan),
      audio_language: choice.language,
      audio_languages: [...choice.languages],
      adjustments: [...choice.adjustments, ...session.adjustments],
      identity: identityOf(info, chosen),
      ...(session.report ? { cookies: session.report } : {}),
    };
  } catch (error) {
    if (late.aborted) throw new ServiceFault("timeout", `the source did not answer in ${timeoutMs} ms`);
    if (!(error instanceof Fault) || error.code === "timeout") throw error;
    dependencies.log("probe_failed", { code: error.code, detail: error.detail });
    return { type: "failed", ...error.report, ...(session.report ? { cookies: session.report } : {}) };
  } finally {
    await network.proxy.close();
  }
}

/** A look into a file may take this share of a probe's time: what the page says is reported in any case. */
const LOOK_SHARE = 0.5;

/** The streams and their duration. What the source does not say of a plain file is read from the file itself. */
async function lookAt(
  looker: Looker,
  info: YtdlpInfo,
  streams: readonly SourceStream[],
  opened: RangeSource | null,
): Promise<{ streams: readonly SourceStream[]; duration: number | null }> {
  const duration = durationOf(info, streams);
  const [file, second] = streams;
  const isKnown = file?.codecsKnown && duration !== null;
  if (!file || second || file.protocol !== "http" || isKnown || isLive(info)) return { streams, duration };
  const seen = await lookIntoFile(looker, file, opened);
  if (!seen) return { streams, duration };
  const { video, audio, sizeBytes } = seen;
  return {
    duration: duration ?? seen.durationSeconds ?? null,
    streams: [
      {
        ...file,
        ...{ videoCodec: video?.codec ?? null, audioCodec: audio?.codec ?? null, size: sizeBytes },
        ...{ width: video?.width ?? null, height: video?.height ?? null, fps: video?.fps ?? file.fps },
      },
    ],
  };
}

function describe(info: YtdlpInfo, streams: readonly SourceStream[], duration: number | null): Metadata {
  const video = streams.find(({ height }) => height !== null);
  return {
    title: text(info.title),
    duration,
    width: video?.width || null,
    height: video?.height || null,
    extractor: text(info.extractor),
    uploader: text(info.uploader) ?? text(info.channel),
    thumbnail: text(info.thumbnail),
    description: text(info.description),
    view_count: whole(info.view_count),
    like_count: whole(info.like_count),
    upload_date: text(info.upload_date),
    filesize_approx: sum(streams.map((stream) => sizeOf(stream, duration))),
    is_live: isLive(info),
    formats: chosenStreams(info.formats ?? [])
      .slice(-MAX_LISTED_FORMATS)
      .map(factsOf),
  };
}

function factsOf(stream: SourceStream): StreamFacts {
  const { formatId, extension, videoCodec, audioCodec, width, height, fps, bitrateKbps, size, language } =
    stream;
  return {
    format_id: formatId,
    extension: extension || null,
    video_codec: videoCodec,
    audio_codec: audioCodec,
    width: width || null,
    height: height || null,
    fps: fps || null,
    bitrate_kbps: bitrateKbps,
    size: whole(size),
    language,
  };
}

/** Bytes of the result: of the streams if they are copied, by the bitrate if only audio is encoded. */
function estimate(
  streams: readonly SourceStream[],
  duration: number | null,
  plan: MediaPlan | null,
): number | null {
  if (plan === null) return sum(streams.map((stream) => sizeOf(stream, duration)));
  const actions = fitStreams(plan, {
    video: streams.find(({ videoCodec }) => videoCodec !== null)?.videoCodec ?? null,
    audio:
      streams.findLast(({ audioCodec, isExtraAudio }) => audioCodec !== null && !isExtraAudio)?.audioCodec ??
      null,
  });
  // the size for a given quality depends on the content
  if (actions.video !== "copy" && actions.video !== "none") return null;
  const share = clipShare(plan, duration);
  if (plan.audio_only && actions.audio !== "copy" && actions.audio !== "none") {
    const kbps = Number.parseInt(plan.audio_bitrate ?? DEFAULT_AUDIO_BITRATE, 10);
    return duration === null || share === null ? null : Math.round((duration * share * kbps * 1000) / 8);
  }
  const whole = sum(streams.map((stream) => sizeOf(stream, duration)));
  return whole === null || share === null ? null : Math.round(whole * share);
}

function clipShare({ clip }: MediaPlan, duration: number | null): number | null {
  if (clip === null) return 1;
  if (duration === null || duration === 0) return null;
  const end = Math.min(clip.end ?? duration, duration);
  return Math.max(0, end - clip.start) / duration;
}

const sizeOf = ({ size, bitrateKbps }: SourceStream, duration: number | null): number | null =>
  size ??
  (bitrateKbps === null || duration === null ? null : Math.round((bitrateKbps * 1000 * duration) / 8));

const sum = (sizes: readonly (number | null)[]): number | null =>
  sizes.length === 0 || sizes.includes(null)
    ? null
    : Math.round(sizes.reduce<number>((total, size) => total + (size ?? 0), 0));

const text = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);
const number = (value: unknown): number | null =>
  typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : null;
const whole = (value: unknown): number | null => {
  const known = number(value);
  return known === null ? null : Math.round(known);
};
