/** A failure that the user can fix: its message says how. */
export class SetupError extends Error {}

/**
 * Prints one line of progress.
 * @param {string} text
 */
export function progress(text) {
  console.log(`[setup] ${text}`);
}
