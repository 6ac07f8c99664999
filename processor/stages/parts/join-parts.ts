import { createWriteStream } from "node:fs";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { JobErrorCode } from "../../../schema/errors.ts";
import type { Adjustment } from "../../../schema/media.ts";
import type { RunContext } from "../../dependencies.ts";
import { Fault, ServiceFault, SourceFault } from "../../fault.ts";
import { withBreaks } from "../../hls/transport-stream.ts";
import {
  secondsOf,
  shiftBehind,
  shiftTimes,
  TimeScan,
  type TransportTimes,
} from "../../media/mpegts/rewrite-times.ts";
import { runFfmpeg } from "../../tools/ffmpeg.ts";
import { type MediaFacts, probeMedia } from "../../tools/ffprobe.ts";
import type { ToolInput } from "../../tools/tool-input.ts";
import { missingSeconds } from "../damage.ts";
import { partAudioEncoder, partVideoEncoder } from "../encoders.ts";
import { DamageCount } from "../repair/decode-check.ts";
import { judgeMade } from "../repair/judge.ts";
import { checkSize } from "../result-checks.ts";
import type { StreamPart } from "./input.ts";
import { packetBatches } from "./packet-batches.ts";
import {
  actionsFor,
  type CommonShape,
  commonShape,
  type FoundPart,
  type PartActions,
  shapeOf,
} from "./shape.ts";
import { wholeFile } from "./whole-file.ts";

/**
 * Presentations of several parts, each with a separate clock and initialisation: advertisements, periods, encoders that
 * restarted. Each part is converted to a transport stream of the same shape in the work folder; then they are
 * concatenated with continuous timestamps.
 */

export interface JoinedParts {
  /** A transport stream. */
  readonly path: string;
  readonly shape: CommonShape;
  readonly seconds: number;
  /** Seconds of parts that could not be read. */
  readonly lostSeconds: number;
  readonly adjustments: readonly Adjustment[];
}

/** Every advertisement of a day; more are left to the tool, which reads them as one stream. */
export const MAX_PARTS = 1000;
/** Streams of one part that begin further apart than this do not share a clock, in seconds. */
const SHARED_CLOCK_SECONDS = 10;
/** Packet ids of the streams, which must be the same in every part. */
const STREAM_IDS = { video: 256, audio: 257 } as const;

/**
 * Joins the parts of streams that belong together.
 *
 * @param streams video and audio, or both in one; each with the same number of parts
 * @throws Fault of the source; `processing` if a part cannot be joined
 */
export async function joinParts(
  context: RunContext,
  streams: readonly (readonly StreamPart[])[],
  name: string,
): Promise<JoinedParts> {
  const count = streams[0]?.length ?? 0;
  const spooled: Spooled[] = [];
  let lostSeconds = 0;
  for (let index = 0; index < count; index++) {
    const its = streams.map((parts) => parts[index] as StreamPart);
    const part = await spoolPart(context, its, join(context.folder, `${name}.${index}`));
    // a part of which nothing is there is a gap
    if (part) spooled.push(part);
    else lostSeconds += Math.max(...its.map(({ seconds: announced }) => announced));
  }
  if (spooled.length === 0) throw new SourceFault("truncated", "no part of the presentation holds any media");
  const common = commonShape(spooled);
  const path = join(context.folder, `${name}.ts`);
  let before: TransportTimes = new Map();
  let seconds = 0;
  let encodedSeconds = 0;
  const repairs: Adjustment[] = [];
  for (const [index, part] of spooled.entries()) {
    const made = join(context.folder, `${name}.${index}.made.ts`);
    const done = await makeAnyhow(context, part, { common, path: made });
    if (done === null) lostSeconds += part.seconds;
    else {
      const { actions } = done;
      repairs.push(...done.repairs);
      const isEncoded = actions.video === "encode" || actions.audio === "encode";
      // if it is damaged, its repair reports that
      if (isEncoded && done.repairs.length === 0) encodedSeconds += part.seconds;
      before = await appendPart(context, made, path, before);
      seconds = spanOf(before);
    }
    await Promise.all(
      [made, ...part.files.map((file) => file.path)].map((file) => rm(file, { force: true })),
    );
  }
  if (before.size === 0) throw new ServiceFault("processing", "no part of the presentation can be read");
  const adjustments = [
    ...encodedAdjustments(encodedSeconds, common),
    ...repairs,
    ...lostAdjustments(lostSeconds, seconds),
  ];
  return { path, shape: common, seconds, lostSeconds, adjustments };
}

/** The media of one part, in files. */
interface Spooled extends FoundPart {
  readonly files: readonly SpooledFile[];
}

interface SpooledFile {
  readonly path: string;
  readonly input: ToolInput;
  readonly facts: MediaFacts;
}

async function spoolPart(
  context: RunContext,
  streams: readonly StreamPart[],
  path: string,
): Promise<Spooled | null> {
  const files = await Promise.all(
    streams.map((part, index) => spoolStream(context, part, `${path}.${index}`)),
  );
  const found = files.filter((file) => file !== null);
  if (found.length === 0) return null;
  const video = found.find(({ facts }) => facts.video)?.facts.video;
  const audio = found.findLast(({ facts }) => facts.audio)?.facts.audio;
  const seconds = Math.max(...streams.map((part) => part.seconds));
  return { ...shapeOf({ video, audio }), seconds, files: found };
}

async function spoolStream(context: RunContext, part: StreamPart, path: string): Promise<SpooledFile | null> {
  const { folder, proxy, signal, tools } = context;
  let bytes = 0;
  const chunks = async function* () {
    for await (const batch of part.read(signal)) {
      for (const chunk of batch) {
        bytes += chunk.length;
        checkSize(context, bytes);
        // the writer keeps a chunk longer than it is borrowed
        yield Buffer.from(chunk);
      }
    }
  };
  await pipeline(Readable.from(chunks(), { objectMode: false }), createWriteStream(path), { signal });
  try {
    if (bytes === 0) return null;
    const input = await wholeFile(path, signal);
    return { path, input, facts: await probeMedia(input, { tools, proxy, cwd: folder, signal }) };
  } catch (error) {
    signal.throwIfAborted();
    if (!isAboutMedia(error)) throw error;
    context.log("part_not_read", { job_id: context.claim.job_id, detail: error.detail });
    return null;
  }
}

interface PartTarget {
  readonly common: CommonShape;
  readonly path: string;
}

/** A part in the common shape, and what had to be done for it. */
interface MadePart {
  readonly actions: PartActions;
  readonly repairs: readonly Adjustment[];
}

/**
 * Copies what fits; if that fails, copies with damage and repaired timestamps; if that fails too, encodes what cannot
 * be copied. Null if none of it produces media.
 */
async function makeAnyhow(context: RunContext, part: Spooled, target: PartTarget): Promise<MadePart | null> {
  const fitting = actionsFor(part, target.common);
  const encoding: PartActions = {
    video: fitting.video === "none" ? "none" : "encode",
    audio: fitting.audio === "none" ? "none" : "encode",
  };
  const tries = [
    { actions: fitting, tolerant: false },
    { actions: fitting, tolerant: true },
    { actions: encoding, tolerant: true },
  ];
  for (const { actions, tolerant } of tries) {
    try {
      const damage = await makePart(context, part, actions, { ...target, tolerant });
      const repairs = tolerant ? await judgePart(context, part, actions, { path: target.path, damage }) : [];
      return { actions, repairs };
    } catch (error) {
      context.signal.throwIfAborted();
      if (!isAboutMedia(error)) throw error;
      context.log("part_not_made", {
        job_id: context.claim.job_id,
        video: actions.video,
        ...{ tolerant, detail: error.detail },
      });
    }
  }
  return null;
}

async function judgePart(
  context: RunContext,
  part: Spooled,
  { audio, video }: PartActions,
  { damage, path }: { readonly path: string; readonly damage: DamageCount },
): Promise<Adjustment[]> {
  return await judgeMade(context, {
    ...{ path, damage, announcedSeconds: part.seconds, statedSeconds: undefined },
    streams: { video: Number(video !== "none"), audio: Number(audio !== "none") },
    fps: part.files.find(({ facts }) => facts.video)?.facts.video?.fps ?? null,
    how: video === "encode" || audio === "encode" ? "transcoded" : "copied",
  });
}

/** About the media, not about the machine or the network. */
const MEDIA_FAULTS: readonly JobErrorCode[] = ["processing", "truncated", "unsupported_url"];

const isAboutMedia = (error: unknown): error is Fault =>
  error instanceof Fault && MEDIA_FAULTS.includes(error.code);

async function makePart(
  context: RunContext,
  part: Spooled,
  actions: PartActions,
  { common, path, tolerant }: PartTarget & { readonly tolerant: boolean },
): Promise<DamageCount> {
  const { cpu, folder, proxy, signal, timings, tools } = context;
  const begins = part.files.map(({ facts }) => facts.startSeconds ?? 0);
  const first = Math.min(...begins);
  const inputs = part.files.map(({ input }, index) => {
    const late = (begins[index] ?? 0) - first;
    return late > 0 && late <= SHARED_CLOCK_SECONDS ? input.with("-itsoffset", `${late}`) : input;
  });
  const video = part.files.findIndex(({ facts }) => facts.video);
  const audio = part.files.findLastIndex(({ facts }) => facts.audio);
  const maps = [
    ...(actions.video === "none" ? [] : [{ map: `${video}:v:0`, id: STREAM_IDS.video }]),
    ...(actions.audio === "none" ? [] : [{ map: `${audio}:a:0`, id: STREAM_IDS.audio }]),
  ];
  const args = [
    ...maps.flatMap(({ map }) => ["-map", map]),
    ...maps.flatMap(({ id }, index) => ["-streamid", `${index}:${id}`]),
    ...["-map_metadata", "-1", "-map_chapters", "-1", "-sn", "-dn"],
    ...(actions.video === "copy" ? ["-c:v", "copy"] : []),
    ...(actions.video === "encode" && common.video ? partVideoEncoder(common.video) : []),
    ...(actions.audio === "copy" ? ["-c:a", "copy"] : []),
    ...(actions.audio === "encode" && common.audio ? partAudioEncoder(common.audio) : []),
    ...["-f", "mpegts", "-muxdelay", "0", "-muxpreload", "0", "-output_ts_offset", "10", path],
  ];
  const damage = new DamageCount();
  const make = () =>
    runFfmpeg({
      ...{ inputs, args, purpose: "make", cwd: folder, proxy, tools, signal, tolerant },
      onStderrLine: damage.onLine,
    });
  await (actions.video === "encode" || actions.audio === "encode"
    ? cpu.hold(signal, timings.cpuWait, make)
    : make());
  return damage;
}

/** Adds a part after all others; returns the timestamps of everything so far. */
async function appendPart(
  { signal }: RunContext,
  part: string,
  path: string,
  before: TransportTimes,
): Promise<TransportTimes> {
  const own = new TimeScan();
  for await (const batch of packetBatches(part, signal)) own.add(batch);
  const shift = shiftBehind(before, own.times);
  const moved = async function* () {
    for await (const batch of packetBatches(part, signal)) {
      shiftTimes(batch, shift);
      yield [batch];
    }
  };
  const target = await open(path, "a");
  try {
    for await (const batch of withBreaks(moved())) for (const chunk of batch) await target.write(chunk);
  } finally {
    await target.close();
  }
  const times = new Map(before);
  for (const [pid, its] of own.times) {
    const known = before.get(pid);
    times.set(pid, {
      firstDecoded: known?.firstDecoded ?? its.firstDecoded + shift,
      firstShown: known?.firstShown ?? its.firstShown + shift,
      lastDecoded: its.lastDecoded + shift,
      lastShown: its.lastShown + shift,
      count: (known?.count ?? 0) + its.count,
    });
  }
  return times;
}

const spanOf = (times: TransportTimes): number =>
  secondsOf(
    Math.max(...[...times.values()].map(({ lastShown }) => lastShown)) -
      Math.min(...[...times.values()].map(({ firstShown }) => firstShown)),
  );

function encodedAdjustments(seconds: number, { video }: CommonShape): Adjustment[] {
  if (seconds === 0) return [];
  const to = Math.round(seconds * 10) / 10;
  const shape = video ? ` to ${video.width}x${video.height}` : "";
  return [
    {
      field: "source",
      from: "parts of different form",
      to: "one form",
      reason: `${to} s of the source have another size or codec than the rest and were transcoded${shape}`,
    },
  ];
}

const lostAdjustments = (lost: number, delivered: number): Adjustment[] =>
  lost === 0
    ? []
    : [missingSeconds("source", { missing: lost, delivered }, "that part of the source cannot be read")];
