import type { Screen } from "./progress-line.ts";

/** Where results and remarks go. */
export interface Output {
  /** True for `--json`: results are JSON, one document a line. */
  readonly json: boolean;
  /** Takes progress; silent for `--json`. */
  readonly screen: Screen;
  /** One result: as JSON, or as the text for people. */
  result(value: unknown, text: () => string): void;
  /** A note for people, next to the results. */
  note(text: string): void;
  /** Why the command failed. */
  failure(value: object, text: string): void;
}

/** Results go to `stdout`, remarks, failures and progress to `stderr`, so that results can be piped. */
export function createOutput(json: boolean, stdout: Screen, stderr: Screen): Output {
  return {
    json,
    screen: json ? { write: () => {} } : stderr,
    result(value, text) {
      stdout.write(json ? `${JSON.stringify(value)}\n` : `${printable(text())}\n`);
    },
    note(text) {
      if (!json) stderr.write(`${printable(text)}\n`);
    },
    failure(value, text) {
      stderr.write(json ? `${JSON.stringify(value)}\n` : `${printable(text)}\n`);
    },
  };
}

/** Titles come from strangers: what would steer a terminal is left out. */
const printable = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed here
  text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "");
