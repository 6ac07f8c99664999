/**
 * How many heartbeats must fit into a lease: one may be lost and the next one late without the run losing its job.
 */
const HEARTBEATS_PER_LEASE = 3;

/** Seconds between two heartbeats of a processor, unless `HEARTBEAT_SECONDS` says otherwise. */
export const DEFAULT_HEARTBEAT_SECONDS = 15;
/** Seconds that a run may be silent, unless `LEASE_SECONDS` says otherwise. */
export const DEFAULT_LEASE_SECONDS = 60;

/**
 * What is wrong with a lease and a heartbeat together, as one sentence that says what to set; null if they fit.
 * Worker and processor both check it, because their values may differ.
 *
 * @example leaseProblem({ leaseSeconds: 20, heartbeatSeconds: 15 }) // "LEASE_SECONDS (20) must be at least three …"
 */
export function leaseProblem({
  leaseSeconds,
  heartbeatSeconds,
}: {
  readonly leaseSeconds: number;
  readonly heartbeatSeconds: number;
}): string | null {
  const least = HEARTBEATS_PER_LEASE * heartbeatSeconds;
  if (leaseSeconds >= least) return null;
  const slowest = Math.floor(leaseSeconds / HEARTBEATS_PER_LEASE);
  return (
    `LEASE_SECONDS (${leaseSeconds}) must be at least three times HEARTBEAT_SECONDS (${heartbeatSeconds}): ` +
    "with less, a run that misses one heartbeat loses its job to another run while it still works. " +
    `Set LEASE_SECONDS to ${least} or more${slowest >= 1 ? `, or HEARTBEAT_SECONDS to ${slowest} or less` : ""}, ` +
    "to the same values on the Worker and on every processor"
  );
}
