import type { Adjustment } from "../../../schema/media.ts";
import type { MissingMedia } from "../../egress/missing-media.ts";
import type { RangeSource } from "../../egress/range-source.ts";
import type { Fault } from "../../fault.ts";
import type { ToolInput } from "../../tools/tool-input.ts";
import type { FileHead } from "../file-head.ts";
import type { SourceStream } from "../source.ts";

/** One part of one stream. */
export interface StreamPart {
  /** As announced. */
  readonly seconds: number;
  /** All its bytes. Batches are borrowed. */
  readonly read: (signal: AbortSignal) => AsyncIterable<readonly Buffer[]>;
}

/** A stream that was opened: a form in which tools can read it, and the count of what it cost. */
export interface Input {
  readonly stream: SourceStream;
  /**
   * What a tool opens: a URL that only this run's proxy serves, or a file in the work folder. The kind of media is
   * determined from its first bytes, which are read only once.
   *
   * @throws Fault `unsupported_url` if it is not a supported container; or of the source
   */
  readonly forTool: () => Promise<ToolInput>;
  /** Set for a file that can be read anywhere. */
  readonly ranges: RangeSource | null;
  /**
   * All its bytes in order, as one stream of media; null if only a tool can produce one. Batches are borrowed.
   *
   * @throws NotConcatenableError if that only shows while reading
   */
  readonly read: ((signal: AbortSignal) => AsyncGenerator<Buffer[]>) | null;
  /** Reads its headers, only once; null if there are none to read. */
  readonly head: () => Promise<FileHead | null>;
  readonly transportStream: boolean;
  /** Set when the input holds only the segments that a clip needs: where they begin, and how long all would be. */
  readonly cut: { readonly startSeconds: number; readonly totalSeconds: number } | null;
  /**
   * The parts of a stream that consists of several, each with a separate clock and initialisation; fewer than two if it
   * is one.
   */
  readonly parts: readonly StreamPart[];
  /** Segments that the source does not have, as far as it was read. */
  readonly missing: () => Missing;
  /** Requests that had to be repeated so far. */
  readonly retries: () => number;
  readonly close: () => void;
}

export type Missing = Pick<MissingMedia, "count" | "seconds">;

export const NOTHING_MISSING = { count: 0, seconds: 0 } as const;

/** All inputs of a run, and why the first of them failed, which their reader cannot know. */
export interface Inputs {
  readonly all: readonly Input[];
  readonly failure: () => Fault | null;
  /** What was done to make one stream of several parts. */
  readonly adjustments: readonly Adjustment[];
  /** What is missing from the input that lacks the most. */
  readonly missing: () => Missing;
  readonly close: () => void;
}

/** How many of the announced seconds the source has; null if they are not announced. */
export const presentSeconds = ({ missing }: Inputs, announced: number | null): number | null =>
  announced === null ? null : Math.max(0, announced - missing().seconds);
