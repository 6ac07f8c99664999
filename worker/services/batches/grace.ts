/** Reconcile wakes the object of an unfinished batch after this long without a check, in milliseconds. */
export const BATCH_GRACE_MS = 120_000;
/** The same before the first check: the call that creates the object may be lost. */
export const FIRST_LOOK_GRACE_MS = 30_000;
