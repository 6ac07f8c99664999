import { MAX_LISTED_FORMATS, type Metadata, type StreamFacts } from "../../schema/api/probe.ts";
import { DEFAULT_AUDIO_BITRATE, fitStreams, type MediaPlan } from "../../schema/media.ts";
import type { MediaProbeRequest, ProbeOutcome } from "../../schema/wire/probe.ts";
import type { ProcessorDependencies } from "../dependencies.ts";
import { Fault, ServiceFault } from "../fault.ts";
import { openSourceNetwork } from "../source-network.ts";
import type { YtdlpInfo } from "../tools/ytdlp-info.ts";
import { findMedia } from "./find-media.ts";
import { chosenStreams, durationOf, isLive, type SourceStream } from "./source.ts";

/**
 * Asks a source what is behind a URL, without a run. The response is kept for the job that follows.
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
  // a page may lead to another one: the limit is for all that is asked
  const late = AbortSignal.timeout(timeoutMs);
  const network = await openSourceNetwork(dependencies, url);
  try {
    const finder = { ...dependencies, ...network, signal: AbortSignal.any([signal, late]) };
    const { info, choice } = await findMedia(finder, { url, plan, timeoutMs });
    if (info.live_status !== "is_upcoming")
      dependencies.extractions.keep(url, { info, upstream: network.upstream });
    const streams = chosenStreams(choice.formats, choice.extraAudio);
    return {
      type: "found",
      media: describe(info, streams),
      streams: streams.map(factsOf),
      estimated_size: estimate(info, streams, plan),
      audio_language: choice.language,
      audio_languages: [...choice.languages],
      adjustments: [...choice.adjustments],
    };
  } catch (error) {
    if (late.aborted) throw new ServiceFault("timeout", `the source did not answer in ${timeoutMs} ms`);
    if (!(error instanceof Fault) || error.code === "timeout") throw error;
    dependencies.log("probe_failed", { code: error.code, detail: error.detail });
    return { type: "failed", code: error.reportedCode, retry_after_ms: error.retryAfterMs ?? null };
  } finally {
    await network.proxy.close();
  }
}

function describe(info: YtdlpInfo, streams: readonly SourceStream[]): Metadata {
  const video = streams.find(({ height }) => height !== null);
  const duration = durationOf(info, streams);
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

/** Bytes of the result: of the streams where they are copied, by the bitrate where only audio is made anew. */
function estimate(info: YtdlpInfo, streams: readonly SourceStream[], plan: MediaPlan | null): number | null {
  const duration = durationOf(info, streams);
  if (plan === null) return sum(streams.map((stream) => sizeOf(stream, duration)));
  const actions = fitStreams(plan, {
    video: streams.find(({ videoCodec }) => videoCodec !== null)?.videoCodec ?? null,
    audio:
      streams.findLast(({ audioCodec, isExtraAudio }) => audioCodec !== null && !isExtraAudio)?.audioCodec ??
      null,
  });
  // what a given quality comes to depends on the picture
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
