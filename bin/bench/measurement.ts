/** Measurements of one subject: the same work by each competitor, one after the other, several times. */
export interface Samples {
  readonly ours: readonly number[];
  /** Absent where it is not compared. */
  readonly peer?: readonly number[];
  readonly floor?: readonly number[];
}

/** Our time may be at most this many times the other's. */
export interface Target {
  readonly against: "peer" | "floor";
  readonly atMost: number;
}

/** One row of a table. */
export interface Subject {
  readonly name: string;
  /** Milliseconds. */
  readonly samples: Samples;
  readonly target?: Target;
  /** Largest of all runs, in bytes; null if unknown. */
  readonly peakBytes?: number | null;
  /** Of a median run, in bytes. */
  readonly diskBytes?: number | null;
}

/** The middle value; of an even number, the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

/** Our median divided by a competitor's; null if it is not compared. */
export function ratio({ samples }: Subject, against: "peer" | "floor"): number | null {
  const others = samples[against];
  return others === undefined ? null : median(samples.ours) / median(others);
}

/** Null for a subject without a target. */
export function isMet(subject: Subject): boolean | null {
  const { target } = subject;
  if (target === undefined) return null;
  const found = ratio(subject, target.against);
  return found !== null && found <= target.atMost;
}
