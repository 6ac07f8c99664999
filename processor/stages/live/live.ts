import { RECORDING_KEPT } from "../../../schema/errors.ts";
import type { Adjustment } from "../../../schema/media.ts";
import type { Delivery } from "../../../schema/wire/callback.ts";
import type { RunContext } from "../../dependencies.ts";
import { Fault, SourceFault } from "../../fault.ts";
import { type LiveEnd, LiveSource } from "../../hls/live-source.ts";
import { StoppedError } from "../../run/stop.ts";
import { missingSeconds } from "../damage.ts";
import { deliver } from "../deliver.ts";
import { type Resolved, resolveSource } from "../resolve.ts";
import type { Source, SourceStream } from "../source.ts";
import { EndlessSource } from "./endless-source.ts";
import { asReadFault, HEADER_BYTES, Journal, type Piece } from "./live-journal.ts";
import { type RecordingLimit, recordTrack, type TrackSource, type TrackState } from "./live-track.ts";

/**
 * Records live streams. What is on air goes segment by segment into a journal in the storage; when the stream ends, the
 * journal is a source like any other and is delivered in the requested format. A run that takes over from one that died
 * continues where the journal ends.
 */

/** Memory for segments in flight. */
const BUFFER_BYTES = 16 << 20;
/** Attempts to find a stream again whose recording was interrupted. */
const REJOIN_TRIES = 3;

/**
 * Null if no former run of this job recorded anything. The storage is asked only if the database knows of a recording:
 * otherwise there is nothing to find, and the storage's errors would be meaningless.
 */
export async function findRecording(context: RunContext): Promise<Journal | null> {
  if (context.request.recording.key === undefined || !(await Journal.isPossible(context))) return null;
  const journal = await Journal.open(context);
  return journal.pieces.some(({ kind }) => kind === "segment") ? journal : null;
}

/** Records a source that is on air, and delivers the recording. */
export async function recordLive(context: RunContext, { source, extractMs }: Resolved): Promise<Delivery> {
  return keepOrErase(context, await Journal.open(context), async (journal) => {
    await journal.announce();
    await journal.append({ kind: "source" }, [Buffer.from(JSON.stringify(withoutAddresses(source)))]);
    await record(context, journal, source);
    return deliverJournal(context, journal, { source, extractMs }, true);
  });
}

/** Continues a recording that another run began; if the stream cannot be found again, delivers what there is. */
export async function continueRecording(context: RunContext, journal: Journal): Promise<Delivery> {
  return keepOrErase(context, journal, async () => {
    const [first] = journal.pieces;
    const begun = JSON.parse(first ? await journal.read(first) : "{}") as Source;
    context.progress.entitle(begun.title);
    const isWhole = journal.pieces.some(({ kind }) => kind === "end");
    const again = isWhole ? null : await rejoin(context, begun);
    if (again) {
      await journal.append({ kind: "source" }, [Buffer.from(JSON.stringify(withoutAddresses(begun)))]);
      await record(context, journal, again.source);
    }
    const source = again?.source ?? { ...begun, info: { id: begun.id, title: begun.title } };
    return deliverJournal(
      context,
      journal,
      { source, extractMs: again?.extractMs ?? 0 },
      isWhole || again !== null,
    );
  });
}

/**
 * A delivered or cancelled recording leaves nothing behind, and neither does one that failed for good. Any other is
 * continued, and one that could not be assembled is kept: a live broadcast does not come again.
 */
async function keepOrErase(
  context: RunContext,
  journal: Journal,
  work: (journal: Journal) => Promise<Delivery>,
): Promise<Delivery> {
  try {
    const delivery = await work(journal);
    await journal.erase();
    return delivery;
  } catch (error) {
    const cause = context.signal.aborted ? context.signal.reason : error;
    const isCancelled = cause instanceof StoppedError && cause.reason === "cancelled";
    const isOver = cause instanceof Fault && cause.isFinal && !RECORDING_KEPT.includes(cause.code);
    if (isCancelled || isOver) await journal.erase();
    throw error;
  }
}

/** Records until the stream ends, falls silent, or is long enough. */
async function record(context: RunContext, journal: Journal, source: Source): Promise<void> {
  const { request, config, buffers, signal } = context;
  const states = statesOf(journal, source.streams.length);
  const maxSeconds = Math.min(
    request.recording.max_seconds,
    request.limits.max_duration_seconds ?? Number.POSITIVE_INFINITY,
  );
  const maxBytes = Math.min(
    config.maxFilesizeBytes,
    request.limits.max_filesize_bytes ?? Number.POSITIVE_INFINITY,
  );
  const limit: RecordingLimit = { seconds: maxSeconds, bytes: maxBytes - bytesOf(journal) };
  context.extendDeadline(maxSeconds);
  const share = await buffers.join(BUFFER_BYTES, signal);
  try {
    let current: Source | null = source;
    while (current !== null) {
      const before = states.map(({ last }) => last);
      const ends = await recordTracks(context, current, { journal, limit, states });
      // links expire while a stream continues: a silent one is looked up again, once for each time that it produced
      // media
      const wasHeard = states.some(({ last }, track) => last !== before[track]);
      current =
        ends.includes("stalled") && wasHeard ? ((await rejoin(context, current))?.source ?? null) : null;
    }
  } finally {
    share.leave();
  }
  if (!journal.pieces.some(({ kind }) => kind === "segment")) {
    throw new SourceFault("not_live", "the stream is silent");
  }
  await journal.append({ kind: "end" }, []);
}

interface Tracks {
  readonly journal: Journal;
  readonly limit: RecordingLimit;
  readonly states: readonly TrackState[];
}

/** Records all tracks in parallel; when one fails, none continues. */
async function recordTracks(
  context: RunContext,
  source: Source,
  { journal, limit, states }: Tracks,
): Promise<LiveEnd[]> {
  const { request, progress } = context;
  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  const report = () =>
    progress.advance((0.9 * (states[0]?.recordedSeconds ?? 0)) / request.recording.max_seconds);
  const tracks = source.streams.map((stream, track) =>
    recordTrack({
      ...{ track, journal, limit },
      source: liveSource({ ...context, signal }, stream),
      state: states[track] ?? { last: null, recordedSeconds: 0 },
      fromStart: request.recording.from_start,
      onSegment: report,
    }),
  );
  try {
    return await Promise.all(tracks);
  } catch (error) {
    failed.abort(error);
    await Promise.allSettled(tracks);
    throw error;
  }
}

function liveSource(context: RunContext, stream: SourceStream): TrackSource {
  const { client, signal, config, progress, request } = context;
  const options = {
    ...{ url: stream.url, headers: stream.headers, signal },
    // silence is waited out in two halves: before and after the stream was looked up again
    stallMs: (config.liveStallSeconds * 1000) / 2,
    onBytes: (bytes: number) => progress.receive(bytes),
  };
  if (stream.protocol === "hls") return new LiveSource(client, options);
  return new EndlessSource(client, { ...options, maxSeconds: request.recording.max_seconds });
}

/** The stream at its current addresses; null when it is not on air any more, or has changed. */
async function rejoin(context: RunContext, begun: Source): Promise<Resolved | null> {
  const { signal, log, claim, extractions, request } = context;
  for (let attempt = 1; attempt <= REJOIN_TRIES; attempt++) {
    try {
      extractions.remove(request.url);
      const again = await resolveSource(context);
      again.opened?.close();
      const isSame = again.source.live && again.source.streams.length === begun.streams.length;
      return isSame ? again : null;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Fault) || error.isFinal) break;
      log("recording_not_joined", { job_id: claim.job_id, code: error.code });
    }
  }
  return null;
}

/** How far each track is in the journal. */
function statesOf(journal: Journal, tracks: number): TrackState[] {
  return Array.from({ length: tracks }, (_, track) => {
    const its = journal.pieces.filter(
      (piece) => (piece.kind === "segment" || piece.kind === "gap") && piece.track === track,
    ) as (Piece & { sequence: number; seconds: number })[];
    return { last: its.at(-1)?.sequence ?? null, recordedSeconds: secondsOf(its, "segment") };
  });
}

const secondsOf = (pieces: readonly Piece[], kind: "segment" | "gap"): number =>
  pieces.reduce((sum, piece) => (piece.kind === kind ? sum + piece.seconds : sum), 0);

const bytesOf = (journal: Journal): number => journal.pieces.reduce((sum, { bytes }) => sum + bytes, 0);

async function deliverJournal(
  context: RunContext,
  journal: Journal,
  { source, extractMs }: Resolved,
  isWhole: boolean,
): Promise<Delivery> {
  const duration = secondsOf(tracked(journal, 0), "segment");
  const streams = await Promise.all(
    source.streams.map((stream, track) => recordedStream(journal, stream, track)),
  );
  const recorded: Source = {
    ...source,
    // a journal of an older version does not contain it
    audio: source.audio ?? { language: null, languages: [], adjustments: [] },
    live: false,
    // what is cut by the wall clock does not have that duration
    duration: source.streams.some(({ protocol }) => protocol === "http") ? null : duration,
    streams: streams as unknown as Source["streams"],
  };
  // what was on air is not there a second time
  const { reuse: _, ...request } = context.request;
  const delivery = await deliver(
    { ...context, request, client: journal.reader },
    { source: recorded, extractMs },
  ).catch((error: unknown) => {
    throw asReadFault(error);
  });
  const adjustments = [...delivery.adjustments, ...report(context, journal, duration, isWhole)];
  return { ...delivery, strategy: "live", adjustments };
}

/** A track of the journal as a stream of fragments. */
async function recordedStream(journal: Journal, stream: SourceStream, track: number): Promise<SourceStream> {
  const isEndless = stream.protocol === "http";
  // audio frames of a stream that was found again continue as they are
  const isFrames = /^(?:mp3|aac)$/.test(stream.extension);
  const pieces = inParts(tracked(journal, track), isEndless && isFrames);
  const extension = isEndless ? stream.extension : "ts";
  const fragments = await Promise.all(
    pieces.map(async ({ part, piece }) => ({
      url: await journal.link(piece),
      span: { start: HEADER_BYTES },
      duration: piece.kind === "segment" ? piece.seconds : null,
      part,
    })),
  );
  return {
    ...stream,
    protocol: "dash",
    url: fragments[0]?.url ?? "",
    headers: {},
    extension: pieces.some(({ piece }) => piece.kind === "map") ? "mp4" : extension,
    size: pieces.reduce((sum, { piece }) => sum + (piece.kind === "segment" ? piece.bytes : 0), 0),
    fragments,
  };
}

/**
 * What can be read of a track, by part: a new one begins where the encoder restarted with a different initialisation.
 * Each part starts with its initialisation.
 */
function inParts(
  track: readonly Piece[],
  isOnePart: boolean,
): { readonly piece: Piece; readonly part: number }[] {
  const placed: { piece: Piece; part: number }[] = [];
  let map: (Piece & { readonly kind: "map" }) | null = null;
  let part = 0;
  let isBegun = false;
  let beginsAnew = false;
  for (const piece of track) {
    if (piece.kind === "map") {
      // each run stores it again, which changes nothing
      if (map?.sha256 !== undefined && map.sha256 === piece.sha256) continue;
      beginsAnew ||= map !== null;
      map = piece;
      if (!isBegun) placed.push({ piece, part });
    } else if (piece.kind === "segment" || piece.kind === "gap") {
      beginsAnew ||= piece.begins_anew === true;
      if (piece.kind === "gap") continue;
      if (beginsAnew && isBegun && !isOnePart) {
        part++;
        if (map) placed.push({ piece: map, part });
      }
      placed.push({ piece, part });
      [isBegun, beginsAnew] = [true, false];
    }
  }
  return placed;
}

/** What the caller must know: that this is a recording, and what it lacks. */
function report({ request }: RunContext, journal: Journal, recorded: number, isWhole: boolean): Adjustment[] {
  const missing = secondsOf(tracked(journal, 0), "gap");
  const to = Math.round(recorded * 10) / 10;
  return [
    ...(request.recording.asked
      ? []
      : [{ field: "live_recording", from: false, to: true, reason: "The source is live" }]),
    ...(missing > 0
      ? [missingSeconds("recording", { missing, delivered: recorded }, "they could not be fetched")]
      : []),
    ...(isWhole
      ? []
      : [
          {
            field: "recording",
            from: null,
            to,
            reason: "The recording was interrupted and the stream was over: what came between is missing",
          },
        ]),
  ];
}

const tracked = (journal: Journal, track: number): Piece[] =>
  journal.pieces.filter((piece) => "track" in piece && piece.track === track);

/** What may be stored about a source in the caller's storage: not addresses, headers or cookies. */
function withoutAddresses({ info: _info, streams, ...facts }: Source): object {
  return { ...facts, streams: streams.map((stream) => ({ ...stream, url: "", headers: {}, fragments: [] })) };
}
