import type { LiveSegment } from "../egress/live-playlist.ts";
import type { LiveEnd, LiveSource } from "../egress/live-source.ts";
import { withBreak } from "../egress/transport-stream.ts";
import { Fault } from "../fault.ts";
import type { Journal } from "./live-journal.ts";

/** How much is recorded; tracks of one stream share it, so that they end together. */
export interface RecordingLimit {
  seconds: number;
  /** Room left for segments. */
  bytes: number;
}

/** What a track knows at any time. */
export interface TrackState {
  /** Number of the last segment that is in the journal, as media or as a gap; null at the beginning. */
  last: number | null;
  /** Seconds of the broadcast that the journal stands for, gaps included. */
  coveredSeconds: number;
}

export interface TrackOptions {
  readonly track: number;
  readonly source: LiveSource;
  readonly journal: Journal;
  readonly limit: RecordingLimit;
  readonly state: TrackState;
  readonly fromStart: boolean;
  readonly onSegment: () => void;
}

/** Segments that are fetched and stored side by side when the stream is ahead of us. */
const AT_ONCE = 4;

/** Follows one track of a live stream and writes it to the journal. The track that ends first sets the limit of the others. */
export async function recordTrack(options: TrackOptions): Promise<LiveEnd> {
  const { source, limit, state, fromStart } = options;
  const isEnough = () => state.coveredSeconds >= limit.seconds || limit.bytes <= 0;
  const news = source.follow({ after: state.last, fromStart, isEnough });
  let map: string | null = null;
  for (;;) {
    const { value, done } = await news.next();
    if (done) {
      if (state.coveredSeconds > 0) limit.seconds = Math.min(limit.seconds, state.coveredSeconds);
      return value;
    }
    if (value.missedSeconds > 0) {
      const sequence = (value.segments[0]?.sequence ?? 1) - 1;
      state.coveredSeconds += value.missedSeconds;
      await options.journal.append(
        { kind: "gap", track: options.track, sequence, seconds: value.missedSeconds },
        [],
      );
    }
    for (let at = 0; at < value.segments.length && !isEnough(); at += AT_ONCE) {
      const some = upTo(value.segments.slice(at, at + AT_ONCE), limit.seconds - state.coveredSeconds);
      map = await record(options, some, map);
    }
  }
}

/** The first segments that make up this many seconds, the one that reaches them included. */
function upTo(segments: readonly LiveSegment[], seconds: number): LiveSegment[] {
  let sum = 0;
  return segments.filter((segment) => {
    const isWanted = sum < seconds;
    sum += segment.seconds;
    return isWanted;
  });
}

async function record(
  { track, source, journal, limit, state, onSegment }: TrackOptions,
  segments: readonly LiveSegment[],
  lastMap: string | null,
): Promise<string | null> {
  const bodies = await Promise.all(segments.map((segment) => readOrMiss(source, segment)));
  const writes: Promise<void>[] = [];
  let mapUrl = lastMap;
  for (const [i, segment] of segments.entries()) {
    if (segment.map && segment.map.url !== mapUrl) {
      mapUrl = segment.map.url;
      writes.push(journal.append({ kind: "map", track }, await source.readResource(segment.map)));
    }
    const body = bodies[i] ?? null;
    const { sequence, seconds } = segment;
    writes.push(journal.append({ kind: body ? "segment" : "gap", track, sequence, seconds }, body ?? []));
    state.last = sequence;
    state.coveredSeconds += seconds;
    limit.bytes -= (body ?? []).reduce((sum, chunk) => sum + chunk.length, 0);
  }
  await Promise.all(writes);
  onSegment();
  return mapUrl;
}

/** A segment that cannot be had is a gap, not the end of the recording. */
async function readOrMiss(source: LiveSource, segment: LiveSegment): Promise<Buffer[] | null> {
  try {
    return withBreak(await source.read(segment));
  } catch (error) {
    if (error instanceof Fault && error.code !== "egress_blocked" && error.code !== "drm") return null;
    throw error;
  }
}
