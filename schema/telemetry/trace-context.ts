import { toHex } from "../bytes.ts";

/** W3C Trace Context: which trace a request, a job and a run belong to. */

/** Returns random bytes. */
export type RandomBytes = (length: number) => Uint8Array;

export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** Whether the spans of the trace are exported. */
  readonly sampled: boolean;
}

/** Longer values are not looked at, in characters. */
const MAX_LENGTH = 256;
/** Later versions may add fields at the end; `ff` is not a version. */
const FORM = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/**
 * Reads a `traceparent` header; null if there is none or it is malformed, so that a new trace begins.
 *
 * @example parseTraceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")?.sampled // true
 */
export function parseTraceparent(text: string | null | undefined): TraceContext | null {
  if (!text || text.length > MAX_LENGTH) return null;
  const [, version, traceId, spanId, flags, rest] = FORM.exec(text.trim()) ?? [];
  if (!traceId || !spanId || !flags || (version === "00" && rest !== undefined)) return null;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** The header's value. */
export const formatTraceparent = ({ traceId, spanId, sampled }: TraceContext): string =>
  `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`;

/** A new trace. @param ratio share of traces that are exported, 0 to 1 */
export function newTrace(random: RandomBytes, ratio: number): TraceContext {
  const bytes = random(24);
  const traceId = hex(bytes.subarray(0, 16));
  // the same trace gets the same answer everywhere
  const position = Number.parseInt(traceId.slice(-8), 16) / 2 ** 32;
  return { traceId, spanId: hex(bytes.subarray(16)), sampled: position < ratio };
}

/** A new span of the same trace. */
export const childOf = (parent: TraceContext, random: RandomBytes): TraceContext => ({
  ...parent,
  spanId: hex(random(8)),
});

/** Never all zeros, which would be no id. */
function hex(bytes: Uint8Array): string {
  const text = toHex(bytes);
  return /[^0]/.test(text) ? text : `${text.slice(1)}1`;
}
