import type { Strategy } from "../../schema/api/job.ts";
import { type Adjustment, fitStreams, type SourceCodecs, type StreamActions } from "../../schema/media.ts";
import { defaultFilename } from "../../schema/storage/object-key.ts";
import { cutText, MAX_DESCRIPTION } from "../../schema/text.ts";
import type { Delivery } from "../../schema/wire/callback.ts";
import type { RunContext } from "../dependencies.ts";
import { ServiceFault, SourceFault } from "../fault.ts";
import type { IndexFacts } from "../media/isobmff/facts.ts";
import type { UploadResult } from "../storage/uploads/part-uploader.ts";
import type { Carried } from "../tools/carried.ts";
import type { AudioFacts } from "../tools/ffprobe.ts";
import { judgeTracks, planAudio } from "./audio/audio-tracks.ts";
import { holdsCover, keepStreams } from "./carried/keep.ts";
import { readOwnCover } from "./carried/own-cover.ts";
import { type ClipFacts, clipFacts, type Extent, extentOf } from "./clip.ts";
import { missingSeconds } from "./damage.ts";
import { asksLanguage, type DescribedInput, describeInputs, nativeOf, probeInput } from "./describe.ts";
import { looksDirect, readHead, transferRanges } from "./direct.ts";
import { type Extras, startExtras } from "./extras/extras.ts";
import { type PublishedExtras, publishExtras } from "./extras/publish-extras.ts";
import type { Cover } from "./ffmpeg-args.ts";
import { aboutOf, type Section, writeMetadata } from "./file-metadata.ts";
import { type Input, type Inputs, openInputs } from "./inputs.ts";
import { joinAndUpload } from "./join.ts";
import { muxAndUpload } from "./mux.ts";
import { objectName } from "./object-name.ts";
import { isAboutLateStream, lacksStream, withLateStreams } from "./parts/late-streams.ts";
import { openLivingVariant } from "./parts/living-variant.ts";
import { qualityName } from "./quality.ts";
import { shownRight } from "./repair/ladder.ts";
import type { Resolved } from "./resolve.ts";
import { checkDemands } from "./result-checks.ts";
import { copyKnownBytes, copyKnownMedia } from "./reuse/copy-known.ts";
import { sourceFacts } from "./reuse/source-facts.ts";
import type { AudioChoice, Source } from "./source.ts";
import { identityOf } from "./source-identity.ts";

/** From a resolved source to a published object, by the cheapest correct strategy. */
export async function deliver(context: RunContext, resolved: Resolved): Promise<Delivery> {
  const { extractMs } = resolved;
  context.progress.entitle(resolved.source.title);
  if (context.request.plan.clip === null) checkDurationLimit(context, resolved.source.duration);
  const known = await copyKnownMedia(context, resolved.source);
  if (known) return known;
  const { source, inputs } = await context.timings.precheck.during(() =>
    openLivingVariant(context, resolved.source, (variant) => openInputs(context, variant, resolved.opened)),
  );
  const stated = await copyKnownBytes(context, source, inputs).catch((error: unknown) => {
    inputs.close();
    throw error;
  });
  if (stated) {
    inputs.close();
    return stated;
  }
  const extras = startExtras(context, source, showsCover(context.request));
  const work: Work = {
    ...{ context, source, inputs, extras },
    askLeave: async (sha256) => {
      await extras.ready;
      const found = { identity: identityOf(source.info, source.streams), ...(sha256 ? { sha256 } : {}) };
      await context.callback.publish(context.claim, found, context.signal);
    },
  };
  try {
    const done = (await deliverAsIs(work)) ?? (await deliverMuxed(work));
    const publishedExtras = await publishExtras(context, await extras.ready, done);
    return report(work, extractMs, done, publishedExtras);
  } finally {
    inputs.close();
    await extras.close();
  }
}

/** Asks whether an object may become visible. */
type AskLeave = (sha256: string | null) => Promise<void>;

/** What both strategies share. */
interface Work {
  readonly context: RunContext;
  readonly source: Source;
  readonly inputs: Inputs;
  readonly extras: Extras;
  /** Resolves when the media may become visible. @param sha256 of the object; null if it is not known */
  readonly askLeave: AskLeave;
}

/** Audio gets its cover wherever the source has an image; a film gets one when the caller asks for the thumbnail. */
function showsCover({ plan, thumbnail }: RunContext["request"]): boolean {
  return plan.audio_only || (thumbnail && plan.format === "mkv");
}

/** What a strategy knows at its end. */
interface Done {
  readonly upload: UploadResult;
  readonly strategy: Strategy;
  /** Of the delivered file. */
  readonly facts: IndexFacts;
  readonly native: SourceCodecs;
  readonly adjustments: readonly Adjustment[];
  readonly audio: AudioChoice;
  readonly muxMs: number | null;
  readonly key: string;
  readonly section: Section;
  readonly clip: ClipFacts | null;
}

/** The probe found that the bytes must be changed after all. */
class NotDirectError extends Error {}

/** Null when the bytes cannot stay unchanged. */
async function deliverAsIs({ context, source, inputs, askLeave }: Work): Promise<Done | null> {
  const { plan } = context.request;
  const [input] = inputs.all;
  const file = input?.ranges;
  const size = file?.sizeBytes;
  if (!input || !file || size === undefined || !looksDirect(plan, source)) return null;
  const head = await context.timings.precheck.during(() => readHead(plan, input));
  if (!head.playsEarly) return null;
  const isEnough = !asksLanguage(plan);
  const facts: Promise<IndexFacts & { audioTracks?: readonly AudioFacts[] }> =
    context.timings.precheck.during(async () => {
      if (await head.isTruncated()) throw new NotDirectError();
      const declared = await head.facts();
      return declared && isEnough ? declared : probeInput(context, input);
    });
  const verdict = facts.then((found) => {
    checkDurationLimit(context, found.durationSeconds ?? null);
    checkDemands(plan, found);
    const native = nativeOf(found);
    const actions = fitStreams(plan, native);
    const unchanged = [actions.video, actions.audio].every(
      (action) => action === "copy" || action === "none",
    );
    if (!unchanged || (plan.audio_only && native.video !== null)) throw new NotDirectError();
    const tracks = found.audioTracks ?? [];
    const isOne = tracks.length < 2;
    const keepsAll = plan.audio_language === "original" || plan.audio_language === "all";
    if (!isOne && (judgeTracks(plan, tracks).track !== 0 || !keepsAll)) throw new NotDirectError();
  });
  // the transfer checks it as soon as its upload is open; the probe may be faster than that
  verdict.catch(() => {});
  const key = keyOf(context, source);
  try {
    const upload = await transferRanges(context, file, { key, size, verdict, askLeave });
    const found = await facts;
    return {
      upload,
      strategy: "ranges",
      facts: found,
      native: nativeOf(found),
      adjustments: [],
      audio: audioOf(context, source, found.audioTracks ?? []),
      muxMs: null,
      key,
      section: { start: 0, end: found.durationSeconds ?? null },
      clip: null,
    };
  } catch (error) {
    if (error instanceof NotDirectError) return null;
    throw context.signal.aborted ? error : (inputs.failure() ?? error);
  }
}

/** Of streams that begin late in their source, too, nothing is left out. */
async function deliverMuxed(work: Work): Promise<Done> {
  const { context, source, inputs } = work;
  const { precheck } = context.timings;
  const described = await precheck.during(() => describeInputs(context, source, inputs));
  const widened = async (): Promise<readonly [Work, readonly DescribedInput[]] | null> => {
    const whole = await precheck.during(() => withLateStreams(context, inputs));
    if (!whole) return null;
    const again = await precheck.during(() => describeInputs(context, source, whole));
    return [{ ...work, inputs: whole }, again];
  };
  if (lacksStream(context.request.plan, described)) {
    return await deliverDescribed(...((await widened()) ?? [work, described]));
  }
  try {
    return await deliverDescribed(work, described);
  } catch (error) {
    context.signal.throwIfAborted();
    if (!isAboutLateStream(error)) throw error;
    const whole = await widened();
    if (!whole) throw error;
    return await deliverDescribed(...whole);
  }
}

async function deliverDescribed(
  { context, source, inputs, extras, askLeave }: Work,
  muxInputs: readonly DescribedInput[],
): Promise<Done> {
  const { plan } = context.request;
  const audio = planAudio(plan, source, muxInputs);
  const native: SourceCodecs = {
    video: muxInputs.find((input) => input.videoCodec !== null)?.videoCodec ?? null,
    audio: audio.codec,
  };
  const shown = muxInputs.find((input) => input.videoCodec !== null);
  const actions = shownRight(plan, fitStreams(plan, native), native, shown);
  if (actions.video === "none" && actions.audio === "none") {
    throw new SourceFault(
      "no_format",
      `nothing of video ${native.video}, audio ${native.audio} fits ${plan.format}`,
    );
  }
  const total = muxInputs.find((input) => input.duration !== null)?.duration ?? source.duration;
  const extent = extentOf(plan, total);
  const { section } = extent;
  checkDurationLimit(context, extent.seconds);
  const carried = (muxInputs.length === 1 ? muxInputs[0]?.carried : null) ?? null;
  const { kept, adjustments: left } = carried ? keepStreams(plan, carried, 0) : NOTHING_CARRIED;
  const cover = (await ownCover(context, inputs.all[0], carried)) ?? (await extras.cover());
  const about = aboutOf(source, carried);
  const key = keyOf(context, source);
  const request = {
    ...{ inputs, muxInputs, actions, audio, native, key, extent, cover, about, kept, askLeave },
    fps: muxInputs.find((input) => input.fps !== null)?.fps ?? null,
    expectedBytes: expectedBytes(inputs.all, total, extent),
  };
  const result =
    (await joinAndUpload(context, request)) ??
    (await muxAndUpload(context, {
      ...request,
      metadata: await writeMetadata(context.folder, about, { format: plan.format, section, cover }),
    }));
  const clip = clipFacts(plan, {
    firstPacket: result.firstPacket,
    duration: result.facts.durationSeconds ?? null,
  });
  return {
    upload: result,
    strategy: strategyOf(inputs.all, result.encoded ?? actions),
    facts: result.facts,
    native,
    adjustments: [
      ...[...actions.adjustments, ...extent.adjustments, ...clip.adjustments],
      ...[...left, ...result.repairs],
    ],
    audio,
    muxMs: result.muxMs,
    key,
    section: { start: clip.facts?.start ?? section.start, end: section.end },
    clip: clip.facts,
  };
}

const NOTHING_CARRIED = { kept: null, adjustments: [] } as const;

/** The cover in the source's file, if the new one has room for it. */
async function ownCover(
  context: RunContext,
  input: Input | undefined,
  carried: Carried | null,
): Promise<Cover | null> {
  const stream = carried?.cover ?? null;
  if (!input || stream === null || !holdsCover(context.request.plan.format)) return null;
  return await readOwnCover(context, input, stream);
}

function strategyOf(inputs: readonly Input[], actions: StreamActions): Strategy {
  const encodes = [actions.video, actions.audio].some((action) => action !== "copy" && action !== "none");
  if (encodes) return "transcode";
  const protocols = inputs.map(({ stream }) => stream.protocol);
  if (protocols.includes("other")) return "tool";
  if (protocols.includes("hls")) return "hls";
  if (protocols.includes("dash")) return "dash";
  return inputs.every(({ ranges }) => ranges !== null) ? "mux" : "sequential";
}

/** Of the result, if known: as large a share of the source's bytes as of its duration. */
function expectedBytes(
  inputs: readonly Input[],
  total: number | null,
  { section, seconds }: Extent,
): number | null {
  const sizes = inputs.map(({ ranges, stream }) => ranges?.sizeBytes ?? stream.size);
  const whole = sizes.reduce<number | null>(
    (sum, size) => (sum === null || size === null ? null : sum + size),
    0,
  );
  if (whole === null || (section.start === 0 && section.end === total)) return whole;
  return total && seconds !== null ? Math.ceil((whole * seconds) / total) : null;
}

/** The limit applies to what is delivered: a short clip of a long film is short. */
function checkDurationLimit({ request }: RunContext, seconds: number | null): void {
  const limit = request.limits.max_duration_seconds;
  if (limit !== null && seconds !== null && seconds > limit) {
    throw new ServiceFault("limit_exceeded", `${seconds} s are longer than ${limit} s`);
  }
}

const keyOf = ({ request }: RunContext, { title, id }: Source): string =>
  objectName(request, defaultFilename(title, id));

/** What is reported about the audio language of a file that is delivered unchanged, with all of its tracks. */
function audioOf(
  { request: { plan } }: RunContext,
  { audio }: Source,
  tracks: readonly AudioFacts[],
): AudioChoice {
  if (audio.languages.length > 0 || !tracks.some(({ language }) => language !== null)) return audio;
  const { language, languages, adjustments } = judgeTracks(plan, tracks);
  return { language, languages, adjustments: plan.audio_language === "all" ? [] : adjustments };
}

/** A source without a frame rate as low as requested is delivered with its lowest; no frame is dropped. */
function fpsAdjustments({ request }: RunContext, { video }: IndexFacts): Adjustment[] {
  const limit = request.plan.max_fps ?? null;
  if (limit === null || !video?.fps || Math.round(video.fps) <= limit) return [];
  const to = Math.round(video.fps * 100) / 100;
  return [{ field: "max_fps", from: limit, to, reason: "The source has nothing at this frame rate" }];
}

/** A source without a resolution as low as requested is delivered with its lowest; nothing is scaled. */
function resolutionAdjustments({ request }: RunContext, { video }: IndexFacts): Adjustment[] {
  const limit = request.plan.max_resolution;
  if (limit === null || !video || Math.min(video.width, video.height) <= limit) return [];
  const to = Math.min(video.width, video.height);
  return [{ field: "max_resolution", from: limit, to, reason: "The source has nothing smaller" }];
}

/** A source that lacks some of its segments is delivered without them. */
function missingAdjustments(inputs: Inputs, { facts, section }: Done): Adjustment[] {
  const { count, seconds } = inputs.missing();
  if (count === 0) return [];
  const announced = section.end === null ? (facts.durationSeconds ?? seconds) : section.end - section.start;
  const pieces = count === 1 ? "1 segment" : `${count} segments`;
  const delivered = Math.max(0, announced - seconds);
  return [missingSeconds("source", { missing: seconds, delivered }, `the source does not have ${pieces}`)];
}

function report(
  { context, source, inputs }: Work,
  extractMs: number,
  done: Done,
  publishedExtras: PublishedExtras,
): Delivery {
  const { upload, facts } = done;
  const { downloadRate } = context.progress.snapshot;
  return {
    key: done.key,
    subtitle_key: publishedExtras.subtitles[0]?.key ?? null,
    thumbnail_key: publishedExtras.thumbnailKey,
    subtitles: publishedExtras.subtitles,
    file_size: upload.bytes,
    sha256: upload.sha256,
    duration: facts.durationSeconds ?? source.duration,
    clip: done.clip,
    title: source.title.slice(0, 1000),
    description: source.description === null ? null : cutText(source.description, MAX_DESCRIPTION),
    release_date: source.releaseDate,
    native_video_codec: done.native.video,
    native_audio_codec: done.native.audio,
    actual_quality: qualityName(facts.video?.width, facts.video?.height),
    actual_audio_language: done.native.audio === null ? null : done.audio.language,
    audio_languages: [...done.audio.languages],
    strategy: done.strategy,
    details: {},
    ...sourceFacts(context, source, inputs),
    adjustments: [
      ...done.adjustments,
      ...inputs.adjustments,
      ...missingAdjustments(inputs, done),
      ...done.audio.adjustments,
      ...resolutionAdjustments(context, facts),
      ...fpsAdjustments(context, facts),
      ...publishedExtras.adjustments,
    ],
    timings: {
      extract_ms: extractMs,
      download_ms: context.progress.downloadMs,
      mux_ms: done.muxMs,
      upload_ms: Math.round(upload.uploadMs),
      ...context.timings.reported,
    },
    download_rate: downloadRate,
    upload_rate: upload.uploadMs > 0 ? Math.round((upload.bytes / upload.uploadMs) * 1000) : null,
    download_retries: inputs.all.reduce((sum, input) => sum + input.retries(), 0),
    upload_retries: upload.retries,
  };
}
