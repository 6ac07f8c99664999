import { open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { containerOf, type Format } from "../../schema/containers.ts";
import type { Adjustment } from "../../schema/media.ts";
import type { RunContext } from "../dependencies.ts";
import { isDiskFull } from "../fault.ts";
import { NotConcatenableError } from "../hls/source.ts";
import { isUnsupportedMedia, UnsupportedMediaError } from "../media/isobmff/box-view.ts";
import { ByteStream, EndedEarlyError } from "../media/isobmff/byte-stream.ts";
import type { Chapter } from "../media/isobmff/chapter-track.ts";
import { factsOfIndex, type IndexFacts } from "../media/isobmff/facts.ts";
import { openIsoSource } from "../media/isobmff/iso-source.ts";
import { FrontTooSmallError, JoinedMovie } from "../media/isobmff/joined-movie.ts";
import { interleave, type MediaSource, type MediaTrack } from "../media/isobmff/media-source.ts";
import { SYNC_BYTE } from "../media/mpegts/packets.ts";
import { openTransportSource } from "../media/mpegts/transport-source.ts";
import { FrontLastFiller } from "../storage/uploads/front-last-filler.ts";
import { PartFiller } from "../storage/uploads/part-filler.ts";
import { partSizeFor, UNKNOWN_BYTES } from "../storage/uploads/part-size.ts";
import type { PartUploader } from "../storage/uploads/part-uploader.ts";
import { uploadGrowingFile } from "../storage/uploads/upload-growing-file.ts";
import { indexBytesFor, mappedInputs } from "./ffmpeg-args.ts";
import { chaptersWithin, shortTags } from "./file-metadata.ts";
import type { MuxRequest, MuxResult } from "./mux.ts";
import { openUpload, type UploadPlan } from "./open-upload.ts";
import { type Input, presentSeconds } from "./parts/input.ts";
import { checkLength, checkResult, checkSize, sizeLimit } from "./result-checks.ts";

/**
 * Joins audio and video that already have the right codecs, each in a file of the mp4 family or both in a transport
 * stream, into one file without a tool: their samples are interleaved as they arrive, and an index is written for them.
 * If the sources report all samples beforehand, nothing is written to the disk. If they do not, the file is kept there for
 * its SHA-256, unless the operator or a full disk decides otherwise; see docs/decisions/copies-without-a-disk.md.
 */

/** The formats that are written here, with the brand of their files. */
const BRANDS: Partial<Record<Format, string>> = { mp4: "isom", m4a: "M4A " };

/** Sample entries that need no change. Others have parameters inside the samples, which some players do not support. */
const JOINED_ENTRIES = new Set(["avc1", "hvc1", "av01", "vp09", "mp4a", "Opus"]);

/** If the index of a file is not known yet, its estimate may be too small: then the room grows by at least this. */
const ROOM_STEP_BYTES = 64 << 10;
const MAX_PASSES = 3;

/** Of a file that does not touch the disk: the part in which its front ends, and one to go on with. */
const PARTS_RESERVED = 2;
/** As many on their way as in any other upload, and the one that stays. */
const PARTS_IN_MEMORY = 5;

const NOT_HASHED: Adjustment = {
  ...{ field: "sha256", from: true, to: false },
  reason: "The server's disk has no room for a file of this size, which is needed for its SHA-256",
};

/** Nothing here is cut or repaired. */
const AS_IT_IS = { firstPacket: null, encoded: null, repairs: [] } as const;

export type JoinRequest = Omit<MuxRequest, "metadata">;

/**
 * Joins and publishes.
 *
 * @returns null when a tool must do it; then nothing of the attempt is left
 */
export async function joinAndUpload(context: RunContext, request: JoinRequest): Promise<MuxResult | null> {
  const brand = BRANDS[context.request.plan.format];
  const wanted = wantedInputs(request);
  const tags = shortTags(request.about);
  if (brand === undefined || wanted === null || tags === null || !looksJoinable(context, request))
    return null;
  const cover = request.cover && (await readFile(request.cover.path));
  const chapters = chaptersWithin(request.about.chapters, request.extent.section);
  const words = [...Object.values(tags), ...chapters.map(({ title }) => title)];
  let extraBytes = 2 * Buffer.byteLength(words.join("")) + (cover?.length ?? 0);
  let lacksDisk = false;
  for (let pass = 1; ; pass++) {
    const stop = new AbortController();
    const signal = AbortSignal.any([context.signal, stop.signal]);
    const streams = wanted.map(({ kinds, read }) => ({ kinds, stream: new ByteStream(read(signal)) }));
    try {
      const sources = await Promise.all(streams.map(openSource));
      const movie = new JoinedMovie(tracksOf(sources, request), { brand, tags, cover, chapters });
      const job: Join = { context, request, sources, movie, stop, startedAt: performance.now() };
      if (sources.every(({ isPlanned }) => isPlanned)) return await uploadPlanned(job);
      const roomBytes = roomFor(job, extraBytes);
      const keepsFile = context.config.keepCopiesOnDisk || !mayPassThrough(context, request);
      if (keepsFile && !lacksDisk) return await uploadWritten(job, `joined.${pass}`, roomBytes);
      const result = await uploadFrontLast(job, roomBytes);
      return lacksDisk ? { ...result, repairs: [NOT_HASHED] } : result;
    } catch (error) {
      context.signal.throwIfAborted();
      if (isDiskFull(error) && !lacksDisk && mayPassThrough(context, request)) {
        context.log("file_not_kept", { job_id: context.claim.job_id, attempt: context.claim.attempt });
        lacksDisk = true;
        continue;
      }
      if (!isForTool(error)) throw error;
      if (!(error instanceof FrontTooSmallError) || pass === MAX_PASSES) return null;
      extraBytes += error.missingBytes + ROOM_STEP_BYTES;
    } finally {
      stop.abort(new Error("the sources were joined"));
      await Promise.all(streams.map(({ stream }) => stream.close()));
    }
  }
}

/** If a source ends too early or is damaged, the tool makes the best of it. */
const isForTool = (error: unknown): boolean =>
  isUnsupportedMedia(error) ||
  [EndedEarlyError, FrontTooSmallError, NotConcatenableError].some((kind) => error instanceof kind);

interface Join {
  readonly context: RunContext;
  readonly request: JoinRequest;
  readonly sources: readonly MediaSource[];
  readonly movie: JoinedMovie;
  /** Ends the reading of all sources. */
  readonly stop: AbortController;
  readonly startedAt: number;
}

/** One input that is read, and the kinds of media that are used from it. */
interface WantedInput {
  readonly kinds: readonly string[];
  readonly read: NonNullable<Input["read"]>;
}

/** Null if one of them cannot be read here. */
function wantedInputs({ actions, inputs, muxInputs }: JoinRequest): WantedInput[] | null {
  const { audio, video } = mappedInputs({ actions, inputs: muxInputs });
  if (muxInputs.some(({ delaySeconds = 0 }) => delaySeconds > 0)) return null;
  const wanted: WantedInput[] = [];
  for (const [index, { read, transportStream }] of inputs.all.entries()) {
    const kinds = [...(index === video ? ["vide"] : []), ...(index === audio ? ["soun"] : [])];
    if (kinds.length === 0) continue;
    // of files, those with one track each
    if (read === null || (kinds.length > 1 && !transportStream)) return null;
    wanted.push({ kinds, read });
  }
  return wanted;
}

function looksJoinable({ request }: RunContext, { about, actions, audio, kept }: JoinRequest): boolean {
  if (audio.track !== 0 || audio.extra.length > 0) return false;
  if (kept !== null && kept.subtitles.length + kept.attachments > 0) return false;
  const wanted = [actions.video, actions.audio].filter((action) => action !== "none");
  return request.plan.clip === null && inOrder(about.chapters) && wanted.every((action) => action === "copy");
}

interface OpenedInput {
  readonly stream: ByteStream;
  readonly kinds: readonly string[];
}

const openSource = async ({ kinds, stream }: OpenedInput): Promise<MediaSource> =>
  (await stream.peek()) === SYNC_BYTE ? openTransportSource(stream, kinds) : openIsoSource(stream);

/** Chapters that cover the timeline without gaps from the beginning. */
const inOrder = (chapters: readonly Chapter[]): boolean =>
  chapters.every(({ end, start }, index) => start >= (chapters[index - 1]?.end ?? 0) && end > start) &&
  (chapters[0]?.start ?? 0) === 0;

/** Video first. */
function tracksOf(sources: readonly MediaSource[], { actions, native }: JoinRequest): MediaTrack[] {
  const found = sources.flatMap(({ tracks }) => tracks);
  const chosen = [
    ...(actions.video === "none" ? [] : [trackOf(found, "vide", native.video)]),
    ...(actions.audio === "none" ? [] : [trackOf(found, "soun", native.audio)]),
  ];
  if (chosen.length < found.length) throw new UnsupportedMediaError("other streams");
  return chosen;
}

/** All decisions about the streams were based on the codecs that were reported. */
function trackOf(found: readonly MediaTrack[], kind: string, codec: string | null): MediaTrack {
  const track = found.find((candidate) => candidate.kind === kind);
  if (!track || !JOINED_ENTRIES.has(track.entry)) throw new UnsupportedMediaError("no such stream");
  if (track.codec !== codec) throw new UnsupportedMediaError("another codec");
  return track;
}

/** When the upload ends, so does the reading. */
async function openJoinUpload(
  { context, request: { key }, stop }: Join,
  plan: Omit<UploadPlan, "key" | "contentType">,
): Promise<PartUploader> {
  const contentType = containerOf(context.request.plan.format).mime;
  const uploader = await openUpload(context, { ...plan, key, contentType });
  const { signal } = uploader;
  signal.addEventListener("abort", () => stop.abort(signal.reason), { once: true });
  return uploader;
}

/** All samples are known: the index is written first, and everything goes straight to the storage. */
async function uploadPlanned(job: Join): Promise<MuxResult> {
  const { context, movie, request, startedAt, sources } = job;
  for await (const interleaved of interleave(sources)) movie.add(interleaved);
  const front = movie.front();
  const facts = checkedFacts(job, front.index);
  const total = front.bytes.length + movie.mediaBytes;
  checkSize(context, total);
  context.progress.expect(total);
  const uploader = await openJoinUpload(job, {
    ...{ expectedBytes: total, hashes: true },
    onProgress: (stored) => context.progress.store(stored),
  });
  const filler = new PartFiller(uploader);
  await filled(uploader, filler, async () => {
    await filler.put(front.bytes);
    await filler.put(movie.opening);
    for await (const interleaved of interleave(sources))
      await interleaved.streamTo((bytes) => filler.put(bytes));
    filler.end();
  });
  const muxMs = Math.round(performance.now() - startedAt);
  context.progress.enter("Uploading");
  const upload = await uploader.finish({ beforePublish: request.askLeave });
  return { ...upload, facts, muxMs, ...AS_IT_IS };
}

/** If anything fails, nothing of the upload is left. */
async function filled<T>(
  uploader: PartUploader,
  filler: Pick<PartFiller, "drop">,
  fill: () => Promise<T>,
): Promise<T> {
  try {
    return await fill();
  } catch (error) {
    filler.drop();
    // reading also ends because storing failed
    const reason: unknown = uploader.signal.aborted ? uploader.signal.reason : error;
    await uploader.abort(reason);
    throw reason;
  }
}

/** Fragments report their samples when they arrive: their file has room for the index, which is written last. */
function roomFor({ context, request }: Join, extraBytes: number): number {
  const { seconds } = request.extent;
  if (seconds === null) throw new UnsupportedMediaError("no duration");
  return indexBytesFor(context.request.plan.format, seconds, request.fps, extraBytes);
}

/** If not known, what an upload must be able to hold. */
const bytesToHold = (context: RunContext, { expectedBytes }: JoinRequest): number =>
  expectedBytes ?? Math.min(sizeLimit(context), UNKNOWN_BYTES);

/** Whether the storage takes the front last, and the memory holds what must wait for it. */
function mayPassThrough(context: RunContext, request: JoinRequest): boolean {
  const { limits } = context.store;
  const partBytes = partSizeFor(bytesToHold(context, request), limits);
  return !limits.inOrder && PARTS_RESERVED * partBytes <= context.buffers.capacity;
}

/** The media goes straight to the storage, and the front last. The hash of such a file is never known. */
async function uploadFrontLast(job: Join, roomBytes: number): Promise<MuxResult> {
  const { context, request } = job;
  const uploader = await openJoinUpload(job, {
    ...{ expectedBytes: bytesToHold(context, request), hashes: false },
    ...{ partsInFlight: PARTS_IN_MEMORY, partsReserved: PARTS_RESERVED },
  });
  const filler = new FrontLastFiller(uploader, roomBytes);
  const written = await filled(uploader, filler, () =>
    writeMovie(job, {
      roomBytes,
      put: (bytes) => filler.put(bytes),
      putFront: (front) => filler.end(front),
      onChunk: () => {},
    }),
  );
  const upload = await uploader.finish({ beforePublish: request.askLeave });
  return { ...upload, ...written, ...AS_IT_IS };
}

/** The file is kept until it has been hashed, and is uploaded while it is being written. */
async function uploadWritten(job: Join, name: string, roomBytes: number): Promise<MuxResult> {
  const { context, request } = job;
  const path = join(context.folder, `${name}.${context.request.plan.format}`);
  await context.folders.reserve(context.folder, request.expectedBytes);
  const file = await open(path, "w");
  const uploader = await openJoinUpload(job, { expectedBytes: request.expectedBytes, hashes: false });
  let position = roomBytes;
  const written = writeMovie(job, {
    roomBytes,
    async put(bytes) {
      uploader.signal.throwIfAborted();
      await file.write(bytes, 0, bytes.length, position);
      position += bytes.length;
    },
    putFront: async (front) => void (await file.write(front, 0, front.length, 0)),
    onChunk: () => growing.poke(),
  });
  const growing = uploadGrowingFile(uploader, {
    ...{ path, done: written, headBytes: roomBytes, hasher: context.hasher },
    beforePublish: request.askLeave,
  });
  try {
    const upload = await growing.result;
    return { ...upload, ...(await written), ...AS_IT_IS };
  } catch (error) {
    // another pass needs its room
    await rm(path, { force: true });
    throw error;
  } finally {
    await written.catch(() => {});
    await file.close();
  }
}

/** Where a film goes whose index is known last. */
interface Destination {
  /** Bytes before the media. */
  readonly roomBytes: number;
  /** Takes the next bytes of the media; awaited before those after them. */
  readonly put: (bytes: Buffer) => Promise<void> | void;
  /** Takes what comes before the media, after all of it. */
  readonly putFront: (bytes: Buffer) => Promise<void>;
  /** Called between two chunks. */
  readonly onChunk: () => void;
}

async function writeMovie(
  job: Join,
  { onChunk, put, putFront, roomBytes }: Destination,
): Promise<Pick<MuxResult, "facts" | "muxMs">> {
  const { context, movie, request, sources } = job;
  const seconds = request.extent.seconds ?? Number.POSITIVE_INFINITY;
  await put(movie.opening);
  for await (const interleaved of interleave(sources)) {
    movie.add(interleaved);
    checkSize(context, roomBytes + movie.mediaBytes);
    checkLength(context, interleaved.chunk.seconds);
    await interleaved.streamTo(put);
    onChunk();
    context.progress.write(interleaved.chunk.seconds / seconds);
  }
  const front = movie.front(roomBytes);
  const facts = checkedFacts(job, front.index);
  await putFront(front.bytes);
  context.progress.enter("Uploading");
  return { facts, muxMs: Math.round(performance.now() - job.startedAt) };
}

/** @throws Fault if the new file is not what was announced */
function checkedFacts({ context, request }: Join, index: Buffer): IndexFacts {
  const facts = factsOfIndex(index);
  if (!facts) throw new UnsupportedMediaError("a result that is not understood");
  checkResult(context, facts, presentSeconds(request.inputs, request.extent.seconds));
  return facts;
}
