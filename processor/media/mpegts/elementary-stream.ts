import { UnsupportedMediaError } from "../isobmff/box-view.ts";
import type { MediaTrack } from "../isobmff/media-source.ts";
import { CLOCK_RATE } from "./elementary-packets.ts";
import type { SampleBuffer } from "./sample-buffer.ts";

/** One stream of a program that becomes a track. */
export interface ElementaryStream {
  /** Null until its first sample was read. */
  readonly beginning: Beginning | null;
  readonly sampleBuffer: SampleBuffer;
  /**
   * Reads one packet.
   *
   * @throws UnsupportedMediaError, RangeError if a tool must inspect it
   */
  read(unit: Buffer): void;
}

/** The properties that the first sample states. */
export interface Beginning {
  /** In units of {@link CLOCK_RATE}. */
  readonly shown: number;
  readonly decoded: number;
  readonly track: Pick<
    MediaTrack,
    "kind" | "codec" | "entry" | "timescale" | "description" | "shownAs" | "information"
  >;
}

/** A longer pause is a discontinuity instead. */
const MAX_PAUSE_SECONDS = 10;

/** @throws UnsupportedMediaError if timestamps do not continue as they must. */
export function checkPause(units: number): void {
  if (units > MAX_PAUSE_SECONDS * CLOCK_RATE) throw new UnsupportedMediaError("a time that jumps");
}
