/** Default of `NETWORK_SLOTS`. */
export const DEFAULT_NETWORK_SLOTS = 8;

/** Maximum number of concurrent runs of a processor. */
export interface RunSlots {
  readonly all: number;
  /** How many of these are reserved for runs outside of batches. */
  readonly reserved: number;
}

/**
 * Batches get at least one slot, or they would never end.
 *
 * @param reserved default: a quarter, at least 1
 * @example slotsOf(8) // { all: 8, reserved: 2 }
 */
export function slotsOf(all: number, reserved = Math.max(1, Math.floor(all / 4))): RunSlots {
  return { all, reserved: Math.min(reserved, all - 1) };
}
