import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { containerOf } from "../../schema/containers.ts";
import type { Adjustment, SourceCodecs, StreamActions } from "../../schema/media.ts";
import type { RunContext } from "../dependencies.ts";
import { RangeMismatchError } from "../egress/source-read.ts";
import { Fault } from "../fault.ts";
import type { IndexFacts } from "../media/isobmff/facts.ts";
import type { PartUploader, UploadResult } from "../storage/uploads/part-uploader.ts";
import { uploadGrowingFile } from "../storage/uploads/upload-growing-file.ts";
import { type FfmpegProgress, type FfmpegResult, runFfmpeg } from "../tools/ffmpeg.ts";
import { probeMedia } from "../tools/ffprobe.ts";
import type { AudioPlan } from "./audio/audio-plan.ts";
import type { KeptStreams } from "./carried/keep.ts";
import { beginsAtPacket, type Extent, readFirstPacket } from "./clip.ts";
import type { DescribedInput } from "./describe.ts";
import { type Cover, indexBytesFor, type MuxJob, muxArguments, muxToolInputs } from "./ffmpeg-args.ts";
import { readFileFacts } from "./file-head.ts";
import type { About } from "./file-metadata.ts";
import { openUpload } from "./open-upload.ts";
import { type Inputs, presentSeconds } from "./parts/input.ts";
import { DamageCount } from "./repair/decode-check.ts";
import { judgeMade } from "./repair/judge.ts";
import { failedStreams, nextRung, type Rung, transcodeInstead } from "./repair/ladder.ts";
import { checkLength, checkResult, checkSize } from "./result-checks.ts";

/** One pass of the muxer over all inputs, uploaded while it is being written. */

export interface MuxRequest {
  readonly inputs: Inputs;
  readonly muxInputs: readonly DescribedInput[];
  readonly actions: StreamActions;
  readonly audio: AudioPlan;
  readonly key: string;
  readonly extent: Extent;
  readonly fps: number | null;
  readonly expectedBytes: number | null;
  readonly metadata: { readonly path: string; readonly bytes: number };
  readonly cover: Cover | null;
  /** Of the chosen streams. */
  readonly native: SourceCodecs;
  readonly about: About;
  /** What else is copied from the source's file. */
  readonly kept: KeptStreams | null;
  /** Asked when the result is complete, before it becomes visible. */
  readonly askLeave: (sha256: string | null) => Promise<void>;
}

export interface MuxResult extends UploadResult {
  readonly facts: IndexFacts;
  readonly muxMs: number;
  /** Seconds from the requested start of a clip to the first copied packet; null where the cut is exact. */
  readonly firstPacket: number | null;
  /** What was done to the streams, where it differs from the request. */
  readonly encoded: StreamActions | null;
  /** What is damaged or missing, also of what is known about the result, and what was done about it. */
  readonly repairs: readonly Adjustment[];
}

/** Headers that come before the reserved index or are patched at the end. */
const HEAD_SLACK_BYTES = 64 * 1024;
/** A copied clip begins at a key frame, which may be this far before it. */
const LEAD_IN_SECONDS = 10;
/** A shortfall is reported exactly; a larger one would mean that the source is changing meanwhile. */
const MAX_SHORTFALLS = 2;
/** Thrown internally when the room for the index was too small. */
class IndexTooSmallError extends Error {
  readonly missingBytes: number;

  constructor(missingBytes: number) {
    super(`the index needs ${missingBytes} bytes more`);
    this.missingBytes = missingBytes;
  }
}

/** Thrown internally when the tool, or a check of its result, found the media at fault. */
class MediaFailedError extends Error {
  readonly fault: Fault;

  constructor(fault: Fault) {
    super(fault.message, { cause: fault });
    this.fault = fault;
  }
}

/**
 * Muxes and publishes. The pass is repeated with more room when the index turned out larger than reserved, and on the
 * next step of the repair ladder when the source is damaged.
 */
export async function muxAndUpload(context: RunContext, request: MuxRequest): Promise<MuxResult> {
  const { plan } = context.request;
  const { extent, metadata, cover, fps } = request;
  const seconds =
    extent.seconds === null ? null : extent.seconds + (plan.clip === null ? 0 : LEAD_IN_SECONDS);
  let indexBytes = indexBytesFor(plan.format, seconds, fps, 2 * metadata.bytes + (cover?.bytes ?? 0));
  let rung: Rung = "strict";
  let actions = request.actions;
  let shortfalls = 0;
  let firstFailure: Fault | null = null;
  for (let pass = 1; ; pass++) {
    try {
      return await onePass(context, { ...request, actions }, { indexBytes, name: `result.${pass}`, rung });
    } catch (error) {
      context.signal.throwIfAborted();
      if (error instanceof IndexTooSmallError && shortfalls++ < MAX_SHORTFALLS) {
        indexBytes += error.missingBytes + HEAD_SLACK_BYTES;
        continue;
      }
      if (!(error instanceof MediaFailedError)) throw error;
      const { fault } = error;
      // the state of the source shows best where no damage was skipped
      firstFailure ??= fault;
      const next: Rung | null = nextRung(rung, fault, actions);
      if (next === null) throw firstFailure;
      context.log("repair", { job_id: context.claim.job_id, rung: next, detail: fault.detail });
      // what wrong ranges returned is not damage of the source: the sequential strategy reads it intact
      if (rung === "strict" && (await rangesAreWrong(context, request.inputs)))
        throw new RangeMismatchError();
      if (next === "transcode") {
        const which = failedStreams(fault.detail, actions);
        actions = transcodeInstead(plan, actions, request.native, which);
      }
      rung = next;
    }
  }
}

const rangesAreWrong = async (context: RunContext, { all }: Inputs): Promise<boolean> =>
  !context.readsPlainly && (await context.rangeCheck.findsWrong(all.map(({ stream }) => stream)));

async function onePass(
  context: RunContext,
  request: MuxRequest,
  { indexBytes, name, rung }: { indexBytes: number; name: string; rung: Rung },
): Promise<MuxResult> {
  const { folder, proxy, tools, progress } = context;
  const firstPacketPath = beginsAtPacket(context.request.plan, request.actions)
    ? join(folder, "first-packet.txt")
    : null;
  const path = join(folder, `${name}.${context.request.plan.format}`);
  await context.folders.reserve(folder, request.expectedBytes);
  // the upload watches the file from the start; the muxer opens the same one
  await writeFile(path, "");
  const uploader = await openUpload(context, {
    key: request.key,
    contentType: containerOf(context.request.plan.format).mime,
    expectedBytes: request.expectedBytes,
    hashes: false,
  });
  const startedAt = performance.now();
  const damage = new DamageCount();
  let repairs: readonly Adjustment[] = [];
  let muxMs = 0;
  const written = mux(context, request, {
    ...{ path, firstPacketPath, indexBytes, uploader, rung, damage },
    onProgress: () => growing.poke(),
  }).then(() => {
    muxMs = Math.round(performance.now() - startedAt);
    progress.enter("Uploading");
  });
  const facts = written.then(async () => {
    const found =
      (await readFileFacts(path)) ??
      (await probeMedia(path, { tools, proxy, cwd: folder, signal: uploader.signal }));
    checkResult(context, found, presentSeconds(request.inputs, request.extent.seconds));
    try {
      // a decoder conceals what it can, and the tool exits successfully
      if (rung !== "strict" || damage.count > 0)
        repairs = await judgeRepaired(context, request, { path, rung, damage, found });
    } catch (error) {
      throw error instanceof Fault ? new MediaFailedError(error) : error;
    }
    return found;
  });
  facts.catch(() => {});
  const growing = uploadGrowingFile(uploader, {
    path,
    done: written,
    headBytes: headBytes(context, request, indexBytes),
    hasher: context.hasher,
    beforePublish: async (sha256) => {
      await facts;
      await request.askLeave(sha256);
    },
  });
  try {
    const result = await growing.result;
    const firstPacket = firstPacketPath === null ? null : await readFirstPacket(firstPacketPath);
    const encoded = rung === "transcode" ? request.actions : null;
    return { ...result, facts: await facts, muxMs, firstPacket, encoded, repairs };
  } finally {
    // the muxer has exited before its folder is removed
    await written.catch(() => {});
  }
}

interface Pass {
  readonly path: string;
  readonly firstPacketPath: string | null;
  readonly indexBytes: number;
  readonly uploader: PartUploader;
  readonly rung: Rung;
  readonly damage: DamageCount;
  readonly onProgress: () => void;
}

async function mux(context: RunContext, request: MuxRequest, pass: Pass): Promise<void> {
  const { request: run, cpu, progress, proxy, tools, folder, timings } = context;
  const { actions, audio } = request;
  const encodes = encodesAny(actions, audio);
  const overLimit = new AbortController();
  const signal = AbortSignal.any([pass.uploader.signal, overLimit.signal]);
  const onProgress = ({ outTimeMs, totalSize }: FfmpegProgress) => {
    pass.onProgress();
    if (encodes) progress.enter("Muxing");
    const { seconds } = request.extent;
    // without a duration, the size says how far it is: what is copied is as large as its source
    if (seconds) progress.write(outTimeMs / 1000 / seconds);
    else if (request.expectedBytes) progress.write(totalSize / request.expectedBytes);
    try {
      checkSize(context, totalSize);
      checkLength(context, outTimeMs / 1000);
    } catch (error) {
      overLimit.abort(error);
    }
  };
  const encodeOrCopy = async () => {
    const inputs = request.muxInputs.map(async (known) => ({ ...known, input: await known.forTool() }));
    const job: MuxJob = {
      ...{ plan: run.plan, actions: request.actions, cover: request.cover, kept: request.kept },
      repairsTimes: pass.rung !== "strict" && actions.video === "copy",
      audio: request.audio,
      inputs: await Promise.all(inputs),
      ...{ metadataPath: request.metadata.path, firstPacketPath: pass.firstPacketPath },
      clipSeconds: run.plan.clip === null ? null : request.extent.seconds,
      ...{ indexBytes: pass.indexBytes, output: pass.path },
    };
    return await runFfmpeg({
      ...{ inputs: muxToolInputs(job), args: muxArguments(job), purpose: "make" },
      ...{ cwd: folder, proxy, tools, signal, onProgress },
      ...{ tolerant: pass.rung !== "strict", onStderrLine: pass.damage.onLine },
    });
  };
  const result = await (encodes ? cpu.hold(signal, timings.cpuWait, encodeOrCopy) : encodeOrCopy()).catch(
    (error: unknown): FfmpegResult => {
      signal.throwIfAborted();
      // the muxer only saw a broken connection: its input knows why
      throw request.inputs.failure() ?? (error instanceof Fault ? new MediaFailedError(error) : error);
    },
  );
  const failure = request.inputs.failure();
  if (failure) throw failure;
  if (result.moovShortfallBytes !== undefined) throw new IndexTooSmallError(result.moovShortfallBytes);
}

const encodesAny = ({ audio, video }: StreamActions, { extra }: AudioPlan): boolean =>
  [video, audio, ...extra.map(({ action }) => action)].some(
    (action) => action !== "copy" && action !== "none",
  );

/**
 * Checks what was made in spite of damage.
 *
 * @throws MediaFailedError if a person would call it broken
 */
async function judgeRepaired(
  context: RunContext,
  { actions, audio, fps, inputs, extent }: MuxRequest,
  made: { path: string; rung: Rung; damage: DamageCount; found: IndexFacts },
): Promise<Adjustment[]> {
  const streams = {
    video: actions.video === "none" ? 0 : 1,
    audio: actions.audio === "none" ? 0 : 1 + audio.extra.length,
  };
  return await judgeMade(context, {
    ...{ path: made.path, damage: made.damage, streams, fps },
    announcedSeconds: presentSeconds(inputs, extent.seconds),
    statedSeconds: made.found.durationSeconds,
    how: made.rung === "transcode" ? "transcoded" : encodesAny(actions, audio) ? "encoded" : "copied",
  });
}

/** Bytes in front that are written last; 0 for formats that only grow. */
function headBytes({ request }: RunContext, { cover }: MuxRequest, indexBytes: number): number {
  const { format } = request.plan;
  if (format === "ogg" || format === "opus") return 0;
  // everything moves when the index is put in front at the end
  if (indexBytes === 0 && format !== "mp3") return Number.MAX_SAFE_INTEGER;
  return indexBytes + (cover?.bytes ?? 0) + HEAD_SLACK_BYTES;
}
