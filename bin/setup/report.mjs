/** A failure that the user can fix: its message says how. */
export class SetupError extends Error {}

/**
 * Prints one line of progress.
 * @param {string} text
 */
export function progress(text) {
  console.log(`[setup] ${text}`);
}

const FRAME = "*".repeat(100);

/**
 * Prints lines that must not be overlooked.
 * @param {readonly string[]} lines
 */
export function warn(lines) {
  console.error([FRAME, ...lines.map((line) => `WARNING  ${line}`), FRAME].join("\n"));
}
