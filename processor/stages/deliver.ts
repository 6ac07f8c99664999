import type { Strategy } from "../../schema/api/job.ts";
import { type Adjustment, fitStreams, type StreamActions } from "../../schema/media.ts";
import {
  byteLength,
  cleanFilename,
  defaultFilename,
  MAX_KEY_BYTES,
  objectKey,
} from "../../schema/object-key.ts";
import type { Delivery } from "../../schema/wire/callback.ts";
import { Fault } from "../fault.ts";
import type { RunContext } from "../kit.ts";
import type { UploadResult } from "../storage/part-uploader.ts";
import { type MediaFacts, probeMedia } from "../tools/ffprobe.ts";
import { codecName } from "./codec-names.ts";
import { isIndexFirst, looksDirect, transferRanges } from "./direct.ts";
import type { MuxInput } from "./ffmpeg-args.ts";
import { type Input, type Inputs, openInputs } from "./inputs.ts";
import { muxAndUpload } from "./mux.ts";
import { qualityName } from "./quality.ts";
import type { Resolved } from "./resolve.ts";

/** From a resolved source to a published object, the cheapest way that is correct. */
export async function deliver(context: RunContext, { source, extractMs }: Resolved): Promise<Delivery> {
  context.progress.entitle(source.title);
  checkDurationLimit(context, source.duration);
  const inputs = await openInputs(context, source);
  try {
    const done =
      (await deliverAsIs(context, source, inputs)) ?? (await deliverMuxed(context, source, inputs));
    return report(context, source, extractMs, inputs, done);
  } finally {
    inputs.close();
  }
}

type Source = Resolved["source"];

/** What a way of delivering knows at its end. */
interface Done {
  readonly upload: UploadResult & { readonly sha256: string };
  readonly strategy: Strategy;
  /** Of the delivered file. */
  readonly facts: MediaFacts;
  readonly native: NativeCodecs;
  readonly adjustments: readonly Adjustment[];
  readonly muxMs: number | null;
  readonly key: string;
}

interface NativeCodecs {
  readonly video: string | null;
  readonly audio: string | null;
}

/** The probe found that the bytes must be changed after all. */
class NotDirect extends Error {}

/** Null when the bytes cannot stay as they are. */
async function deliverAsIs(context: RunContext, source: Source, inputs: Inputs): Promise<Done | null> {
  const { plan } = context.request;
  const [input] = inputs.all;
  const file = input?.ranges;
  const size = file?.sizeBytes;
  if (!input || !file || size === undefined || !looksDirect(plan, source)) return null;
  if (!(await isIndexFirst(plan, file, size))) return null;
  const facts = probeInput(context, input);
  const verdict = facts.then((found) => {
    const native = nativeOf(found);
    const actions = fitStreams(plan, native);
    const unchanged = [actions.video, actions.audio].every(
      (action) => action === "copy" || action === "none",
    );
    if (!unchanged || (plan.audio_only && native.video !== null)) throw new NotDirect();
  });
  const key = keyOf(context, source);
  try {
    const upload = await transferRanges(context, file, { key, size, verdict });
    const found = await facts;
    return {
      upload: { ...upload, sha256: upload.sha256 ?? "" },
      strategy: "ranges",
      facts: found,
      native: nativeOf(found),
      adjustments: [],
      muxMs: null,
      key,
    };
  } catch (error) {
    if (error instanceof NotDirect) return null;
    throw context.signal.aborted ? error : (inputs.failure() ?? error);
  }
}

async function deliverMuxed(context: RunContext, source: Source, inputs: Inputs): Promise<Done> {
  const { plan } = context.request;
  const muxInputs = await Promise.all(
    inputs.all.map((input) => describeInput(context, source, input, inputs)),
  );
  const native: NativeCodecs = {
    video: muxInputs.find((input) => input.videoCodec !== null)?.videoCodec ?? null,
    audio: muxInputs.findLast((input) => input.audioCodec !== null)?.audioCodec ?? null,
  };
  const actions = fitStreams(plan, native);
  if (actions.video === "none" && actions.audio === "none") {
    throw new Fault(
      "no_format",
      `nothing of video ${native.video}, audio ${native.audio} fits ${plan.format}`,
    );
  }
  const total = muxInputs.find((input) => input.duration !== null)?.duration ?? source.duration;
  const key = keyOf(context, source);
  const result = await muxAndUpload(context, {
    ...{ inputs, muxInputs, actions, key },
    duration: clippedDuration(context, total),
    fps: muxInputs.find((input) => input.fps !== null)?.fps ?? null,
    expectedBytes: expectedBytes(inputs.all),
    metadata: metadataOf(source),
  });
  return {
    upload: result,
    strategy: strategyOf(inputs.all, actions),
    facts: result.facts,
    native,
    adjustments: actions.adjustments,
    muxMs: result.muxMs,
    key,
  };
}

interface DescribedInput extends MuxInput {
  readonly duration: number | null;
  readonly fps: number | null;
}

/** What a source tells of its streams is believed; what it does not tell is read from the bytes. */
async function describeInput(
  context: RunContext,
  source: Source,
  input: Input,
  inputs: Inputs,
): Promise<DescribedInput> {
  const { stream, address, transportStream } = input;
  if (stream.codecsKnown && source.duration !== null) {
    const { videoCodec, audioCodec, fps } = stream;
    return { address, transportStream, videoCodec, audioCodec, fps, duration: source.duration };
  }
  const facts = await probeInput(context, input).catch((error: unknown) => {
    throw inputs.failure() ?? error;
  });
  const native = nativeOf(facts);
  return {
    ...{ address, transportStream },
    videoCodec: native.video,
    audioCodec: native.audio,
    fps: facts.video?.fps ?? null,
    duration: source.duration ?? facts.durationSeconds ?? null,
  };
}

function probeInput({ tools, proxy, folder, signal }: RunContext, { address }: Input): Promise<MediaFacts> {
  return probeMedia(address, { tools, proxy, cwd: folder, signal });
}

const nativeOf = (facts: MediaFacts): NativeCodecs => ({
  video: codecName(facts.video?.codec),
  audio: codecName(facts.audio?.codec),
});

function strategyOf(inputs: readonly Input[], actions: StreamActions): Strategy {
  const encodes = [actions.video, actions.audio].some((action) => action !== "copy" && action !== "none");
  if (encodes) return "transcode";
  const protocols = inputs.map(({ stream }) => stream.protocol);
  if (protocols.includes("other")) return "tool";
  if (protocols.includes("hls")) return "hls";
  if (protocols.includes("dash")) return "dash";
  return inputs.every(({ ranges }) => ranges !== null) ? "mux" : "sequential";
}

function expectedBytes(inputs: readonly Input[]): number | null {
  const sizes = inputs.map(({ ranges, stream }) => ranges?.sizeBytes ?? stream.size);
  return sizes.reduce<number | null>((sum, size) => (sum === null || size === null ? null : sum + size), 0);
}

function clippedDuration({ request }: RunContext, duration: number | null): number | null {
  const { clip } = request.plan;
  if (clip === null) return duration;
  if (duration !== null && clip.start >= duration) {
    throw new Fault("clip_out_of_range", `starts at ${clip.start} s of ${duration} s`);
  }
  const end = Math.min(clip.end ?? Number.POSITIVE_INFINITY, duration ?? Number.POSITIVE_INFINITY);
  return end === Number.POSITIVE_INFINITY ? null : end - clip.start;
}

function checkDurationLimit({ request }: RunContext, duration: number | null): void {
  const limit = request.limits.max_duration_seconds;
  if (limit !== null && duration !== null && duration > limit) {
    throw new Fault("limit_exceeded", `${duration} s are longer than ${limit} s`);
  }
}

function keyOf({ request }: RunContext, source: Source): string {
  const filename =
    request.filename === null ? defaultFilename(source.title, source.id) : cleanFilename(request.filename);
  const key = objectKey({ ...request.key_prefix, filename, extension: request.plan.format });
  if (byteLength(key) > MAX_KEY_BYTES) throw new Fault("upload_refused", "the object key is too long");
  return key;
}

function metadataOf(source: Source): Record<string, string> {
  return {
    title: source.title,
    ...(source.uploader === null ? {} : { artist: source.uploader }),
    ...(source.releaseDate === null ? {} : { date: source.releaseDate }),
  };
}

function report(
  context: RunContext,
  source: Source,
  extractMs: number,
  inputs: Inputs,
  done: Done,
): Delivery {
  const { upload, facts } = done;
  const { downloadRate } = context.progress.snapshot;
  return {
    key: done.key,
    subtitle_key: null,
    thumbnail_key: null,
    file_size: upload.bytes,
    sha256: upload.sha256,
    duration: facts.durationSeconds ?? source.duration,
    title: source.title.slice(0, 1000),
    description: source.description?.slice(0, 10_000) ?? null,
    release_date: source.releaseDate,
    native_video_codec: done.native.video,
    native_audio_codec: done.native.audio,
    actual_quality: qualityName(facts.video?.width, facts.video?.height),
    strategy: done.strategy,
    adjustments: [...done.adjustments],
    timings: {
      extract_ms: extractMs,
      download_ms: context.progress.downloadMs,
      mux_ms: done.muxMs,
      upload_ms: Math.round(upload.uploadMs),
    },
    download_rate: downloadRate,
    upload_rate: upload.uploadMs > 0 ? Math.round((upload.bytes / upload.uploadMs) * 1000) : null,
    download_retries: inputs.all.reduce((sum, input) => sum + input.retries(), 0),
    upload_retries: upload.retries,
  };
}
