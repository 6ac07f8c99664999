/** A text that was on a row of the terminal for some time. */
export interface Shown {
  readonly row: number;
  readonly text: string;
  /** Seconds from the beginning. */
  readonly from: number;
  /** Seconds from the beginning; null if it stays. */
  readonly to: number | null;
}

/** Output of a command with the time at which it came, in seconds. */
export interface Chunk {
  readonly at: number;
  readonly text: string;
}

const ESCAPE = "\u001b";
/** Colours and styles; they are not drawn. */
// regexp-ok: made of constants
const STYLES = new RegExp(`${ESCAPE}\\[[0-9;]*m`, "g");
/** The end of a line, or a return to its beginning with or without erasing it. */
// regexp-ok: made of constants
const MOVES = new RegExp(`(\\r?\\n|\\r${ESCAPE}\\[K|\\r)`);

/**
 * What a terminal shows over time, for output that only writes lines and overwrites the current one, as progress bars do.
 *
 * @param least seconds that a state of a row must last to be kept
 */
export function replay(chunks: readonly Chunk[], least = 0.08): Shown[] {
  const shown: Shown[] = [];
  let row = 0;
  let current = { text: "", from: 0 };
  const keep = (to: number | null) => {
    if (current.text.trim() !== "") shown.push({ row, text: current.text, from: current.from, to });
  };
  for (const { at, text } of chunks) {
    for (const part of text.replaceAll(STYLES, "").split(MOVES)) {
      if (part === "\n" || part === "\r\n") {
        keep(null);
        row += 1;
        current = { text: "", from: at };
      } else if (part.startsWith("\r")) {
        if (at - current.from >= least) keep(at);
        current = { text: "", from: at };
      } else if (part !== "") {
        current = { text: current.text + part, from: current.text === "" ? at : current.from };
      }
    }
  }
  keep(null);
  return shown;
}
