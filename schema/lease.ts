/**
 * How many heartbeats must fit into a lease: one may be lost on its way and the next be late, and the run still keeps
 * its job.
 */
const HEARTBEATS_PER_LEASE = 3;

/** Seconds between two heartbeats of a processor, unless `HEARTBEAT_SECONDS` says otherwise. */
export const DEFAULT_HEARTBEAT_SECONDS = 15;
/** Seconds that a run may be silent, unless `LEASE_SECONDS` says otherwise. */
export const DEFAULT_LEASE_SECONDS = 60;

/**
 * What is wrong with a lease and a heartbeat together, as one sentence that says what to set; null when nothing is.
 * Worker and processor both ask it: they may have been given different values.
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
