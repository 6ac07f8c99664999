import { type BoxView, UnsupportedMediaError } from "./box-view.ts";
import type { Box } from "./boxes.ts";

/** One frame of video or packet of audio. Times are in units of the track's time scale. */
export interface Sample {
  readonly bytes: number;
  /** When it is decoded. */
  readonly time: number;
  /** Until the next one is decoded. */
  readonly duration: number;
  /** How much later it is shown than decoded. */
  readonly shift: number;
  /** It can be decoded without others. */
  readonly isSync: boolean;
}

/** A sample with a position in a file. */
export interface PlacedSample extends Sample {
  /** Position of its first byte in the file. */
  readonly offset: number;
}

/** Two days at 30 frames a second: with more, something is wrong, and memory is limited. */
export const MAX_SAMPLES = 6_000_000;

/** Tables that are valid for an unchanged copy of the track; all others are rebuilt or contain nothing that matters. */
const KEPT_TABLES = ["sgpd", "sbgp", "sdtp", "cslg"];
/** Tables of samples that are encrypted, or described in a way that is not supported here. */
const REFUSED_TABLES = ["stz2", "saiz", "saio", "senc", "subs", "padb"];

/** The tables that are kept in addition to those of the samples. */
export const keptTables = (tables: readonly Box[]): Box[] =>
  tables.filter(({ type }) => KEPT_TABLES.includes(type));

/**
 * The samples that the tables of an index report, in their order.
 *
 * @throws UnsupportedMediaError, RangeError see {@link BoxView}
 */
export function* samplesOfTables(view: BoxView, tables: readonly Box[]): Generator<PlacedSample> {
  const refused = tables.find(({ type }) => REFUSED_TABLES.includes(type));
  if (refused) throw new UnsupportedMediaError(refused.type);
  const sizes = view.only(tables, "stsz").start;
  const [commonSize, count] = [view.uint32(sizes + 12), view.uint32(sizes + 16)];
  if (count > MAX_SAMPLES) throw new UnsupportedMediaError("too many samples");
  const durations = runs(view, view.only(tables, "stts"), false);
  const shifts = view.atMostOne(tables, "ctts");
  const shiftRuns = shifts ? runs(view, shifts, true) : null;
  const sync = syncSamples(view, view.atMostOne(tables, "stss"));
  const chunks = chunkOffsets(view, tables);
  let time = 0;
  let offset = 0;
  let leftInChunk = 0;
  for (let index = 0; index < count; index++) {
    if (leftInChunk === 0) ({ offset, samples: leftInChunk } = next(chunks));
    const bytes = commonSize === 0 ? view.uint32(sizes + 20 + index * 4) : commonSize;
    const duration = next(durations);
    const shift = shiftRuns ? next(shiftRuns) : 0;
    yield { offset, bytes, time, duration, shift, isSync: sync(index) };
    offset += bytes;
    time += duration;
    leftInChunk--;
  }
}

function next<T>(values: Iterator<T>): T {
  const { done, value } = values.next();
  if (done) throw new UnsupportedMediaError("a table that ends early");
  return value;
}

/** The values of a table of runs, each repeated as often as it says. */
function* runs(view: BoxView, { start }: Box, signed: boolean): Generator<number> {
  const entries = view.uint32(start + 12);
  for (let entry = 0; entry < entries; entry++) {
    const at = start + 16 + entry * 8;
    const count = view.uint32(at);
    const value = signed ? view.int32(at + 4) : view.uint32(at + 4);
    for (let index = 0; index < count; index++) yield value;
  }
}

/** Without a table, all samples are. It must be called for one sample after the other. */
function syncSamples(view: BoxView, table: Box | undefined): (index: number) => boolean {
  if (!table) return () => true;
  const count = view.uint32(table.start + 12);
  let entry = 0;
  return (index) => {
    const isSync = entry < count && view.uint32(table.start + 16 + entry * 4) === index + 1;
    if (isSync) entry++;
    return isSync;
  };
}

function* chunkOffsets(
  view: BoxView,
  tables: readonly Box[],
): Generator<{ offset: number; samples: number }> {
  const long = view.atMostOne(tables, "co64");
  const { start } = long ?? view.only(tables, "stco");
  const count = view.uint32(start + 12);
  const groups = view.only(tables, "stsc").start;
  const groupCount = view.uint32(groups + 12);
  const firstChunkOf = (group: number) => view.uint32(groups + 16 + group * 12);
  for (let chunk = 0, group = -1; chunk < count; chunk++) {
    if (group + 1 < groupCount && firstChunkOf(group + 1) === chunk + 1) group++;
    if (group === -1) throw new UnsupportedMediaError("chunks without samples");
    const samples = view.uint32(groups + 16 + group * 12 + 4);
    if (samples === 0 || view.uint32(groups + 16 + group * 12 + 8) !== 1)
      throw new UnsupportedMediaError("stsc");
    yield {
      offset: long ? view.uint64(start + 16 + chunk * 8) : view.uint32(start + 16 + chunk * 4),
      samples,
    };
  }
}
