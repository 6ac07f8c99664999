import { COLOUR, createPaint, hasColours, type Paint } from "./paint.ts";
import type { Screen } from "./progress-line.ts";

/** Where results and notes go. */
export interface Output {
  /** True for `--json`: results are JSON, one document per line. */
  readonly json: boolean;
  /** Takes progress; silent for `--json` and `--quiet`. */
  readonly screen: Screen;
  /** Colours of results. */
  readonly paint: Paint;
  /** Characters of a line of the terminal that shows results; undefined if there is none. */
  readonly width: number | undefined;
  /** Prints one result: as JSON, or as the text for people. */
  result(value: unknown, text: () => string): void;
  /** Prints a note for people, next to the results. */
  note(text: string, colour?: keyof Paint): void;
  /** Says why the command failed. */
  failure(value: object, text: string): void;
}

export interface OutputOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const SILENT: Screen = { write: () => {} };

/**
 * Results go to `stdout`, notes, failures and progress to `stderr`, so that results can be piped.
 *
 * @example createOutput({ json: false, quiet: false, env: process.env }, process.stdout, process.stderr)
 */
export function createOutput({ json, quiet, env }: OutputOptions, stdout: Screen, stderr: Screen): Output {
  const paint = createPaint(hasColours(stdout, env));
  const notePaint = createPaint(hasColours(stderr, env));
  return {
    json,
    screen: json || quiet ? SILENT : stderr,
    paint,
    width: (stdout.isTTY && stdout.columns) || undefined,
    result(value, text) {
      stdout.write(json ? `${JSON.stringify(value)}\n` : `${printable(text())}\n`);
    },
    note(text, colour) {
      if (json || quiet) return;
      const clean = withoutControls(text);
      stderr.write(`${colour === undefined ? clean : notePaint[colour](clean)}\n`);
    },
    failure(value, text) {
      const people = `${notePaint.red("waterspout:")} ${withoutControls(text)}`;
      stderr.write(`${json ? JSON.stringify(value) : people}\n`);
    },
  };
}

/** Titles come from strangers: whatever would control a terminal is removed, except line breaks. */
const withoutControls = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed here
  text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "");

/** The same, with the colours that this command writes. */
const printable = (text: string): string =>
  text
    .split(COLOUR)
    .map((part, i) => (i % 2 === 1 ? part : withoutControls(part)))
    .join("");
