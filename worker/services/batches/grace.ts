/** An unfinished batch whose object did not look after it for this long is woken by reconcile, in milliseconds. */
export const BATCH_GRACE_MS = 120_000;
/** The same for a batch whose object has not looked yet: the call that makes it may be lost. */
export const FIRST_LOOK_GRACE_MS = 30_000;
