import { createHash } from "node:crypto";
import { Fault } from "../../fault.ts";
import type { LiveSegment, NewSegments } from "../../hls/follow.ts";
import type { ResourceKey } from "../../hls/key.ts";
import type { Follow, LiveEnd } from "../../hls/live-source.ts";
import { isSameResource, type MapResource, type Resource } from "../../hls/model.ts";
import { withBreak } from "../../hls/transport-stream.ts";
import type { Journal, PieceFacts } from "./live-journal.ts";

/** How much is recorded; tracks of one stream share it, so that they end together. */
export interface RecordingLimit {
  seconds: number;
  /** Room left for segments. */
  bytes: number;
}

/** The current state of a track. */
export interface TrackState {
  /** Number of the last segment in the journal, as media or as a gap; null at the beginning. */
  last: number | null;
  /** In the journal as media: gaps do not count towards the requested length. */
  recordedSeconds: number;
}

/** Where the segments of a track come from. */
export interface TrackSource {
  follow(options: Follow): AsyncGenerator<NewSegments, LiveEnd>;
  read(resource: Resource & { readonly key: ResourceKey | null }): Promise<Buffer[]>;
}

export interface TrackOptions {
  readonly track: number;
  readonly source: TrackSource;
  readonly journal: Journal;
  readonly limit: RecordingLimit;
  readonly state: TrackState;
  readonly fromStart: boolean;
  readonly onSegment: () => void;
}

/** Segments that are fetched and stored in parallel when the recording lags behind the stream. */
const AT_ONCE = 4;

/** Follows one track of a live stream and writes it to the journal. The track that ends first sets the limit of the others. */
export async function recordTrack(options: TrackOptions): Promise<LiveEnd> {
  const { source, limit, state, fromStart } = options;
  const isEnough = () => state.recordedSeconds >= limit.seconds || limit.bytes <= 0;
  const segments = source.follow({ after: state.last, fromStart, isEnough });
  let map: MapResource | null = null;
  for (;;) {
    const { value, done } = await segments.next();
    if (done) {
      if (state.recordedSeconds > 0) limit.seconds = Math.min(limit.seconds, state.recordedSeconds);
      return value;
    }
    if (value.missedSeconds > 0) {
      const sequence = (value.segments[0]?.sequence ?? 1) - 1;
      await options.journal.append(
        { kind: "gap", track: options.track, sequence, seconds: value.missedSeconds },
        [],
      );
    }
    for (let at = 0; at < value.segments.length && !isEnough(); at += AT_ONCE) {
      const some = upTo(value.segments.slice(at, at + AT_ONCE), limit.seconds - state.recordedSeconds);
      map = await record(options, some, map);
    }
  }
}

/** The first segments that make up this many seconds, including the one that reaches them. */
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
  lastMap: MapResource | null,
): Promise<MapResource | null> {
  const bodies = await Promise.all(
    segments.map((segment) => (segment.isGap ? null : orMiss(() => source.read(segment)))),
  );
  const entries: [PieceFacts, readonly Buffer[]][] = [];
  let known = lastMap;
  for (const [i, segment] of segments.entries()) {
    const { sequence, seconds, map, beginsAnew } = segment;
    let body = bodies[i] ?? null;
    if (body && map && !isSameResource(map, known)) {
      const mapBody = await orMiss(() => source.read(map));
      if (mapBody) entries.push([{ kind: "map", track, sha256: digestOf(mapBody) }, mapBody]);
      // without its initialisation, a segment cannot be read
      else body = null;
      known = mapBody ? map : known;
    }
    const kind = body ? "segment" : "gap";
    const part = beginsAnew ? { begins_anew: true } : {};
    entries.push([{ kind, track, sequence, seconds, ...part }, body ? withBreak(body) : []]);
  }
  await Promise.all(entries.map(([facts, body]) => journal.append(facts, body)));
  state.last = segments.at(-1)?.sequence ?? state.last;
  state.recordedSeconds += entries.reduce((sum, [facts]) => sum + recordedBy(facts), 0);
  limit.bytes -= entries.reduce(
    (sum, [, body]) => sum + body.reduce((all, chunk) => all + chunk.length, 0),
    0,
  );
  onSegment();
  return known;
}

function digestOf(body: readonly Buffer[]): string {
  const hash = createHash("sha256");
  for (const chunk of body) hash.update(chunk);
  return hash.digest("hex");
}

const recordedBy = (facts: PieceFacts): number => (facts.kind === "segment" ? facts.seconds : 0);

/** A part of a stream that cannot be fetched is a gap, not the end of the recording. */
async function orMiss(read: () => Promise<Buffer[]>): Promise<Buffer[] | null> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Fault && error.code !== "egress_blocked" && error.code !== "drm") return null;
    throw error;
  }
}
