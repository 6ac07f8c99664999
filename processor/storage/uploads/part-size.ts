import { type Fault, ServiceFault } from "../../fault.ts";
import type { PartLimits } from "../object-store.ts";

const MiB = 1 << 20;
const SMALLEST = 8 * MiB;
const LARGEST = 64 * MiB;
/** Ten thousand of these are 117 GiB, more than the limits of a run allow; larger ones would only cost memory. */
const FOR_UNKNOWN = 12 * MiB;
/** The number of parts to plan for; the rest is room for a source that grows beyond what it announced. */
const PLANNED_PARTS = 9_000;
/** What is planned for an object of unknown size; one that cannot become as large may have smaller parts. */
export const UNKNOWN_BYTES = PLANNED_PARTS * FOR_UNKNOWN;

/**
 * The size in bytes of every part but the last of one upload.
 *
 * @param expectedBytes the object's size if known; it may turn out larger
 * @throws Fault("limit_exceeded") when no allowed part size can hold that many bytes
 * @example partSizeFor(1 << 30, limits) // 8 MiB
 */
export function partSizeFor(expectedBytes: number | undefined, limits: PartLimits): number {
  const wanted =
    expectedBytes === undefined ? FOR_UNKNOWN : Math.ceil(expectedBytes / PLANNED_PARTS / MiB) * MiB;
  const size = clamp(Math.max(SMALLEST, wanted), limits.minBytes, Math.min(LARGEST, limits.maxBytes));
  if ((expectedBytes ?? 0) > maxObjectBytes(size, limits)) throw tooLarge(size, limits);
  return size;
}

/** The most bytes that an upload with parts of this size can hold. */
export const maxObjectBytes = (partBytes: number, limits: PartLimits): number => partBytes * limits.maxParts;

/** Thrown when a source turns out larger than the chosen part size allows. */
export function tooLarge(partBytes: number, limits: PartLimits): Fault {
  const gib = (maxObjectBytes(partBytes, limits) / 2 ** 30).toFixed(0);
  return new ServiceFault(
    "limit_exceeded",
    `the file is larger than ${gib} GiB, the most this upload can hold`,
  );
}

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));
