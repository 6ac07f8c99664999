/** What a batch was made from. */
export const BATCH_KINDS = ["bulk", "playlist", "spotify_show"] as const;
export type BatchKind = (typeof BATCH_KINDS)[number];

/**
 * `completed`: all done, none failed or skipped; `finished`: all done, some failed or skipped. These two are final.
 */
export const BATCH_STATUSES = ["paused", "processing", "completed", "finished"] as const;
export type BatchStatus = (typeof BATCH_STATUSES)[number];
