/** A failure that the person at the terminal can mend: its message says how. */
export class SetupError extends Error {}

/**
 * Prints one line of progress.
 * @param {string} text
 */
export function progress(text) {
  console.log(`[setup] ${text}`);
}
