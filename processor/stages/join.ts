import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { containerOf, type Format } from "../../schema/containers.ts";
import { isUnusual, Unusual } from "../iso/box-view.ts";
import { ByteStream, EndedEarly } from "../iso/byte-stream.ts";
import { codecOf, factsOfIndex, type IndexFacts } from "../iso/facts.ts";
import { FrontTooSmall, JoinedMovie } from "../iso/joined-movie.ts";
import { type Chunk, openSourceTrack, type SourceTrack } from "../iso/source-track.ts";
import type { RunContext } from "../kit.ts";
import { PartFiller } from "../storage/part-filler.ts";
import { uploadGrowingFile } from "../storage/upload-growing-file.ts";
import { indexBytesFor } from "./ffmpeg-args.ts";
import type { MuxRequest, MuxResult } from "./mux.ts";
import { openUpload } from "./open-upload.ts";
import { checkLength, checkResult, checkSize } from "./result-checks.ts";
import type { Source } from "./source.ts";

/**
 * Sound and picture that already are what they shall be, each in a file of the mp4 family, become one file without a
 * tool: their samples are put one behind the other as they arrive, and an index is written for them. Where the sources
 * tell all samples beforehand, nothing touches the disk.
 */

/** The formats that are made here, with the brand of their files. */
const BRANDS: Partial<Record<Format, string>> = { mp4: "isom", m4a: "M4A " };

/** What a share of the whole run the joining is; the rest is left to the end of the upload. */
const JOINED_SHARE = 0.97;
/** In a file whose index is not known yet, the index may miss its estimate: then the room grows by at least this. */
const ROOM_STEP_BYTES = 64 << 10;
const MAX_PASSES = 3;

export type JoinRequest = Omit<MuxRequest, "metadata">;

/**
 * Joins and publishes.
 *
 * @returns null when a tool must do it; nothing is left of the attempt then
 */
export async function joinAndUpload(
  context: RunContext,
  source: Source,
  request: JoinRequest,
): Promise<MuxResult | null> {
  const brand = BRANDS[context.request.plan.format];
  if (brand === undefined || !looksJoinable(context, source, request)) return null;
  const tags = { title: source.title, artist: source.uploader, date: source.releaseDate };
  let extraBytes = Buffer.byteLength(Object.values(tags).join(""));
  for (let pass = 1; ; pass++) {
    const stop = new AbortController();
    try {
      const tracks = await openTracks(request, AbortSignal.any([context.signal, stop.signal]));
      const movie = new JoinedMovie(tracks, { brand, tags });
      const job: Join = { context, request, tracks, movie, startedAt: performance.now() };
      return tracks.every(({ isPlanned }) => isPlanned)
        ? await uploadPlanned(job)
        : await uploadWritten(job, `joined.${pass}`, extraBytes);
    } catch (error) {
      context.signal.throwIfAborted();
      if (error instanceof FrontTooSmall && pass < MAX_PASSES)
        extraBytes += error.missingBytes + ROOM_STEP_BYTES;
      // of a source that ends too early the tool makes what can be made
      else if (isUnusual(error) || error instanceof EndedEarly) return null;
      else throw error;
    } finally {
      stop.abort(new Error("the sources were joined"));
    }
  }
}

interface Join {
  readonly context: RunContext;
  readonly request: JoinRequest;
  /** Picture first. */
  readonly tracks: readonly SourceTrack[];
  readonly movie: JoinedMovie;
  readonly startedAt: number;
}

function looksJoinable(
  { request }: RunContext,
  source: Source,
  { actions, cover, inputs }: JoinRequest,
): boolean {
  const wanted = [actions.video, actions.audio].filter((action) => action !== "none");
  return (
    request.plan.clip === null &&
    cover === null &&
    source.chapters.length === 0 &&
    wanted.every((action) => action === "copy") &&
    inputs.all.length === wanted.length &&
    inputs.all.every(({ read }) => read !== null)
  );
}

async function openTracks(
  { actions, inputs, muxInputs }: JoinRequest,
  signal: AbortSignal,
): Promise<SourceTrack[]> {
  const opened = await Promise.all(
    inputs.all.map(async ({ read }) => {
      if (!read) throw new Unusual("no stream");
      return await openSourceTrack(new ByteStream(read(signal)));
    }),
  );
  const trackOf = (kind: string, codec: string | null | undefined) => {
    const track = opened.find((candidate) => candidate.track.kind === kind);
    // all that was decided about the streams was decided by these names
    if (!track || codecOf(track.index.view, track.track) !== codec)
      throw new Unusual("another stream than was told");
    return track;
  };
  return [
    ...(actions.video === "none"
      ? []
      : [trackOf("vide", muxInputs.find((input) => input.videoCodec)?.videoCodec)]),
    ...(actions.audio === "none"
      ? []
      : [trackOf("soun", muxInputs.findLast((input) => input.audioCodec)?.audioCodec)]),
  ];
}

/** All samples are known: the index is written first, and everything goes straight to the storage. */
async function uploadPlanned(job: Join): Promise<MuxResult> {
  const { context, movie, request, startedAt, tracks } = job;
  await inTurns(
    tracks.map((track) => track.plannedChunks()),
    (track, chunk) => movie.add(track, chunk),
  );
  const front = movie.front();
  const facts = checkedFacts(job, front.index);
  const total = front.bytes.length + movie.mediaBytes;
  checkSize(context, total);
  context.progress.expect(total);
  const uploader = await openUpload(context, {
    key: request.key,
    contentType: containerOf(context.request.plan.format).mime,
    expectedBytes: total,
    hashes: true,
    onProgress: (stored) => context.progress.store(stored),
  });
  const filler = new PartFiller(uploader);
  try {
    await filler.put(front.bytes);
    await inTurns(
      tracks.map((track) => track.plannedChunks()),
      (track, chunk) => pour(tracks[track], chunk, (bytes) => filler.put(bytes)),
    );
    filler.end();
  } catch (error) {
    filler.drop();
    await uploader.abort(error);
    throw error;
  }
  const muxMs = Math.round(performance.now() - startedAt);
  context.progress.enter("Uploading");
  const { sha256, ...upload } = await uploader.finish({ beforePublish: request.askLeave });
  return { ...upload, sha256: sha256 ?? "", facts, muxMs, firstPacket: null };
}

/** Fragments tell their samples when they come: the file keeps room for the index, which is written last. */
async function uploadWritten(job: Join, name: string, extraBytes: number): Promise<MuxResult> {
  const { context, request } = job;
  const { format } = context.request.plan;
  const { seconds } = request.extent;
  if (seconds === null) throw new Unusual("no duration");
  const roomBytes = indexBytesFor(format, seconds, request.fps, extraBytes);
  const path = join(context.folder, `${name}.${format}`);
  const file = await open(path, "w");
  const uploader = await openUpload(context, {
    ...{ key: request.key, contentType: containerOf(format).mime },
    ...{ expectedBytes: request.expectedBytes, hashes: false },
  });
  const written = writeFile(job, file, { roomBytes, signal: uploader.signal, poke: () => growing.poke() });
  const growing = uploadGrowingFile(uploader, {
    ...{ path, done: written, headBytes: roomBytes, hasher: context.hasher },
    beforePublish: request.askLeave,
  });
  try {
    const upload = await growing.result;
    return { ...upload, ...(await written), firstPacket: null };
  } finally {
    await written.catch(() => {});
    await file.close();
  }
}

interface Writing {
  /** Bytes in front of the media. */
  readonly roomBytes: number;
  readonly signal: AbortSignal;
  /** Called when the file has grown. */
  readonly poke: () => void;
}

async function writeFile(
  job: Join,
  file: FileHandle,
  { poke, roomBytes, signal }: Writing,
): Promise<Pick<MuxResult, "facts" | "muxMs">> {
  const { context, movie, request, tracks } = job;
  const seconds = request.extent.seconds ?? Number.POSITIVE_INFINITY;
  let position = roomBytes;
  const write = async (bytes: Buffer): Promise<void> => {
    signal.throwIfAborted();
    await file.write(bytes, 0, bytes.length, position);
    position += bytes.length;
  };
  await inTurns(
    tracks.map((track) => track.chunks()),
    async (track, chunk) => {
      movie.add(track, chunk);
      checkSize(context, roomBytes + movie.mediaBytes);
      checkLength(context, chunk.seconds);
      await pour(tracks[track], chunk, write);
      poke();
      context.progress.advance((chunk.seconds / seconds) * JOINED_SHARE);
    },
  );
  const front = movie.front(roomBytes);
  const facts = checkedFacts(job, front.index);
  await file.write(front.bytes, 0, front.bytes.length, 0);
  context.progress.enter("Uploading");
  return { facts, muxMs: Math.round(performance.now() - job.startedAt) };
}

/** @throws Fault where the new file is not what was announced */
function checkedFacts({ context, request }: Join, index: Buffer): IndexFacts {
  const facts = factsOfIndex(index);
  if (!facts) throw new Unusual("a result that is not understood");
  checkResult(context, facts, request.extent.seconds);
  return facts;
}

/** Gives the chunks of all tracks to `take`, one after the other: each time the one that is decoded first. */
async function inTurns(
  tracks: readonly (Iterable<Chunk> | AsyncIterable<Chunk>)[],
  take: (track: number, chunk: Chunk) => Promise<void> | void,
): Promise<void> {
  const sources = tracks.map((track) =>
    Symbol.asyncIterator in track ? track[Symbol.asyncIterator]() : track[Symbol.iterator](),
  );
  const next = await Promise.all(sources.map((source) => source.next()));
  for (;;) {
    let first = -1;
    let firstChunk: Chunk | null = null;
    for (const [track, { done, value }] of next.entries()) {
      if (done || (firstChunk && value.seconds >= firstChunk.seconds)) continue;
      first = track;
      firstChunk = value;
    }
    const source = sources[first];
    if (!firstChunk || !source) return;
    await take(first, firstChunk);
    next[first] = await source.next();
  }
}

async function pour(
  source: SourceTrack | undefined,
  chunk: Chunk,
  take: (bytes: Buffer) => Promise<void> | void,
): Promise<void> {
  if (!source) throw new Error("a chunk of no track");
  const { stream } = source;
  if (chunk.offset < stream.position) throw new Unusual("samples in another order");
  await stream.skip(chunk.offset - stream.position);
  await stream.pour(chunk.bytes, take);
}
