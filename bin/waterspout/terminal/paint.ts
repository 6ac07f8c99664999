/** Colours of a terminal, each as a function of the text; without colours they return the text as it is. */
export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

const CODES: Readonly<Record<keyof Paint, number>> = {
  bold: 1,
  dim: 2,
  red: 31,
  green: 32,
  yellow: 33,
  cyan: 36,
};

/** What {@link createPaint} writes and nothing else, as a group, so that `split` keeps it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what begins a colour
export const COLOUR = /(\x1b\[(?:[012]|3[1236])m)/;

/** @param on whether there are colours, see {@link hasColours} */
export function createPaint(on: boolean): Paint {
  const paints = Object.entries(CODES).map(([name, code]) => [
    name,
    (text: string) => (on && text !== "" ? `\x1b[${code}m${text}\x1b[0m` : text),
  ]);
  return Object.fromEntries(paints) as Paint;
}

/**
 * Whether to write colours to a stream: to a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`. `FORCE_COLOR` decides
 * for any stream: on, or off with `0`.
 */
export function hasColours(
  { isTTY = false }: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  const { FORCE_COLOR: force = "", NO_COLOR: no = "", TERM: terminal } = env;
  if (force !== "") return force !== "0" && force !== "false";
  return isTTY && no === "" && terminal !== "dumb";
}

/** Colours of the words that say how something is. */
const STATES: Readonly<Record<string, keyof Paint>> = {
  Completed: "green",
  completed: "green",
  delivered: "green",
  enabled: "green",
  ok: "green",
  Failed: "red",
  failed: "red",
  FAILED: "red",
  disabled: "red",
  Warning: "yellow",
  WARNING: "yellow",
  Skipped: "yellow",
  finished: "yellow",
  Processing: "cyan",
  processing: "cyan",
};

/** Paints a text whose first word is a state. @example paintState("Completed, Finished, 100 %", paint) */
export function paintState(text: string, paint: Paint): string {
  const word = /^[A-Za-z]{1,20}/.exec(text)?.[0] ?? "";
  const colour = Object.hasOwn(STATES, word) ? STATES[word] : undefined;
  return colour === undefined ? text : paint[colour](word) + text.slice(word.length);
}
