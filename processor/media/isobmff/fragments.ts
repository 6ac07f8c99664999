import { BoxView, HEADER_BYTES, UnsupportedMediaError } from "./box-view.ts";
import type { Box } from "./boxes.ts";
import type { PlacedSample } from "./samples.ts";

/** The defaults for the samples of all fragments. */
export interface FragmentDefaults {
  readonly duration: number;
  readonly bytes: number;
  readonly flags: number;
}

/** `trex` of the only track. */
export function fragmentDefaults(view: BoxView, fragments: Box): FragmentDefaults {
  const { start } = view.only(view.inside(fragments), "trex");
  return {
    duration: view.uint32(start + 20),
    bytes: view.uint32(start + 24),
    flags: view.uint32(start + 28),
  };
}

/** States that a sample is not a sync sample, or that it depends on others. */
const NEEDS_OTHERS = 0x1010000;
/** In addition to these, encrypted samples and what players never need. */
const KNOWN_BOXES = ["tfhd", "tfdt", "trun", "sgpd", "sbgp", "sdtp"];

/** A damaged count must not fill the memory. */
const MAX_SAMPLES = 1 << 17;

/** Flags of `tfhd` and `trun`: which of their fields are present. */
const TRACK = { base: 0x1, description: 0x2, duration: 0x8, bytes: 0x10, flags: 0x20 } as const;
const RUN = {
  offset: 0x1,
  firstFlags: 0x4,
  duration: 0x100,
  bytes: 0x200,
  flags: 0x400,
  shift: 0x800,
} as const;

/**
 * Reads the header of a fragment with one track.
 *
 * @param moof the whole box, including its header
 * @param position of it in the source
 * @param time when its first sample is decoded if it does not say so itself, in units of the track's time scale
 * @throws UnsupportedMediaError, RangeError see {@link BoxView}
 */
export function readFragment(
  moof: Uint8Array,
  position: number,
  time: number,
  defaults: FragmentDefaults,
): readonly PlacedSample[] {
  const view = new BoxView(moof);
  const boxes = view.inside(view.only(view.boxes(), "moof"));
  const track = view.inside(view.only(boxes, "traf"));
  const other = track.find(({ type }) => !KNOWN_BOXES.includes(type));
  if (other) throw new UnsupportedMediaError(other.type);
  const header = readHeader(view, view.only(track, "tfhd"), position, defaults);
  const decodeTime = view.atMostOne(track, "tfdt");
  const start = decodeTime ? timeOf(view, decodeTime) : time;
  const samples: PlacedSample[] = [];
  for (const run of track.filter(({ type }) => type === "trun")) addRun(view, run, header, start, samples);
  return samples;
}

interface TrackHeader extends FragmentDefaults {
  /** The base of offsets. */
  readonly base: number;
}

function readHeader(view: BoxView, box: Box, position: number, defaults: FragmentDefaults): TrackHeader {
  const fields = new Fields(view, box, HEADER_BYTES + 8);
  const base = fields.has(TRACK.base) ? fields.uint64() : position;
  // relative to the beginning of a file that may be a different one
  if (base !== position) throw new UnsupportedMediaError("another base");
  if (fields.has(TRACK.description) && fields.uint32() !== 1)
    throw new UnsupportedMediaError("several descriptions");
  return {
    base,
    duration: fields.has(TRACK.duration) ? fields.uint32() : defaults.duration,
    bytes: fields.has(TRACK.bytes) ? fields.uint32() : defaults.bytes,
    flags: fields.has(TRACK.flags) ? fields.uint32() : defaults.flags,
  };
}

const timeOf = (view: BoxView, box: Box): number =>
  view.versionOf(box) === 1 ? view.uint64(box.start + 12) : view.uint32(box.start + 12);

/** Adds the samples of one run to those of its fragment. */
function addRun(view: BoxView, box: Box, header: TrackHeader, start: number, samples: PlacedSample[]): void {
  const fields = new Fields(view, box, HEADER_BYTES + 8);
  const count = view.uint32(box.start + 12);
  const before = samples.at(-1);
  let time = before ? before.time + before.duration : start;
  let offset = before ? before.offset + before.bytes : header.base;
  if (fields.has(RUN.offset)) offset = header.base + fields.int32();
  else if (!before) throw new UnsupportedMediaError("a run without a place");
  if (samples.length + count > MAX_SAMPLES) throw new UnsupportedMediaError("a fragment of too many samples");
  const firstFlags = fields.has(RUN.firstFlags) ? fields.uint32() : undefined;
  for (let index = 0; index < count; index++) {
    const duration = fields.has(RUN.duration) ? fields.uint32() : header.duration;
    const bytes = fields.has(RUN.bytes) ? fields.uint32() : header.bytes;
    const own = fields.has(RUN.flags) ? fields.uint32() : header.flags;
    const flags = index === 0 ? (firstFlags ?? own) : own;
    const shift = fields.has(RUN.shift) ? fields.int32() : 0;
    samples.push({ offset, bytes, time, duration, shift, isSync: (flags & NEEDS_OTHERS) === 0 });
    offset += bytes;
    time += duration;
  }
}

/** Reads the fields of a box one after the other, if its flags say that they are present. */
class Fields {
  readonly #view: BoxView;
  readonly #flags: number;
  readonly #end: number;
  #at: number;

  /** @param skipped bytes of the box before them */
  constructor(view: BoxView, box: Box, skipped: number) {
    this.#view = view;
    this.#flags = view.flagsOf(box);
    this.#at = box.start + skipped;
    this.#end = box.end;
  }

  has(flag: number): boolean {
    return (this.#flags & flag) !== 0;
  }

  uint32(): number {
    return this.#view.uint32(this.#next(4));
  }

  int32(): number {
    return this.#view.int32(this.#next(4));
  }

  uint64(): number {
    return this.#view.uint64(this.#next(8));
  }

  #next(bytes: number): number {
    const at = this.#at;
    this.#at += bytes;
    if (this.#at > this.#end) throw new UnsupportedMediaError("a box that ends early");
    return at;
  }
}
