/** Measurements of one subject: the same work by each competitor, one after the other, several times. */
export interface Samples {
  readonly ours: readonly number[];
  /** Absent where it is not compared. */
  readonly peer?: readonly number[];
  readonly floor?: readonly number[];
}

/** Another tool, or our own run: what it took each time. */
export interface Effort {
  readonly name: string;
  /** Milliseconds. */
  readonly ms: readonly number[];
  /** CPU seconds of all its processes; empty if unknown. */
  readonly cpuSeconds: readonly number[];
  /** Milliseconds until the storage had taken the first bytes; of several files, the median. Absent where it is not measured. */
  readonly firstStored?: readonly number[];
}

/** Our time may be at most this many times the other's. */
export interface Target {
  readonly against: Rival;
  readonly atMost: number;
}

/** `peer` is the usual method, `strongest` the quickest of all. */
export type Rival = "peer" | "strongest" | "floor";

/** One row of a table. */
export interface Subject {
  readonly name: string;
  /** Milliseconds. */
  readonly samples: Samples;
  readonly targets?: readonly Target[];
  /** CPU seconds of all our processes. */
  readonly cpuSeconds?: readonly number[];
  /** Milliseconds until the storage had taken our first bytes; of several files, the median. */
  readonly firstStored?: readonly number[];
  /** Our CPU time may be at most this many times that of the strongest. */
  readonly cpuTarget?: number;
  /** All other tools, the usual method among them. */
  readonly others?: readonly Effort[];
  /** What Node needs at least: a program that does nothing else. */
  readonly relay?: Effort;
  /** Of the media. */
  readonly gib?: number;
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

/** The quickest of the others; null without any. */
export function strongest({ others = [] }: Subject): Effort | null {
  const byTime = [...others].sort((one, other) => median(one.ms) - median(other.ms));
  return byTime[0] ?? null;
}

/** Our median divided by a competitor's; null if it is not compared. */
export function ratio(subject: Subject, against: Rival): number | null {
  const { samples } = subject;
  const others = against === "strongest" ? strongest(subject)?.ms : samples[against];
  return others === undefined ? null : median(samples.ours) / median(others);
}

/** The same of CPU time, against the strongest. */
export function cpuRatio(subject: Subject): number | null {
  const others = strongest(subject)?.cpuSeconds ?? [];
  const { cpuSeconds = [] } = subject;
  return others.length === 0 || cpuSeconds.length === 0 ? null : median(cpuSeconds) / median(others);
}

/** Null for a subject without a target. */
export function isMet(subject: Subject): boolean | null {
  const { cpuTarget, targets = [] } = subject;
  if (targets.length === 0) return null;
  const keeps = (found: number | null, atMost: number) => found !== null && found <= atMost;
  const isQuick = targets.every(({ against, atMost }) => keeps(ratio(subject, against), atMost));
  return isQuick && (cpuTarget === undefined || keeps(cpuRatio(subject), cpuTarget));
}
