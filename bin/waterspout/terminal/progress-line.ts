import type { JobProgress } from "../../../schema/api/job.ts";

/** A stream that takes text; `process.stderr` is one. */
export interface Screen {
  readonly isTTY?: boolean;
  /** Characters of a line of the terminal. */
  readonly columns?: number;
  write(text: string): unknown;
}

/** What a line of progress shows. */
export interface Progress {
  readonly label: string;
  /** 0 to 100. */
  readonly percent: number;
  readonly note?: string;
}

/** A line of progress that is drawn. */
export interface ProgressLine {
  show(progress: Progress): void;
  /** Removes the line from the terminal, so that something else can be written; the next `show` draws it again. */
  clear(): void;
  /** Leaves the line as it is. */
  end(): void;
}

const WIDTH = 30;
/** Of a terminal that does not say how wide it is. */
const DEFAULT_COLUMNS = 80;
/** Percent between two lines where there is no terminal to draw on. */
const LINE_STEP = 10;

/** Shows progress: one line that is drawn over on a terminal, plain lines elsewhere. */
export function createProgressLine(screen: Screen): ProgressLine {
  let last = "";
  return {
    show(progress) {
      const line = render(progress);
      if (screen.isTTY) {
        // a line that wraps could not be drawn over
        screen.write(`\r\x1b[K${line.slice(0, (screen.columns || DEFAULT_COLUMNS) - 1)}`);
        last = line;
        return;
      }
      const mark = `${progress.label} ${Math.floor(progress.percent / LINE_STEP)}`;
      if (mark !== last) screen.write(`${line}\n`);
      last = mark;
    },
    clear() {
      if (screen.isTTY && last !== "") screen.write("\r\x1b[K");
      if (screen.isTTY) last = "";
    },
    end() {
      if (screen.isTTY && last !== "") screen.write("\n");
    },
  };
}

function render({ label, percent, note }: Progress): string {
  const filled = Math.round((percent / 100) * WIDTH);
  const bar = "█".repeat(filled) + "░".repeat(WIDTH - filled);
  return `  ${label.padEnd(11)} ${bar} ${`${Math.round(percent)}`.padStart(3)} %${note ? `  ${note}` : ""}`;
}

/** How far a job is. */
export const progressOfJob = ({ step, progress, download_speed_mbps: speed }: JobProgress): Progress => ({
  label: step,
  percent: progress,
  ...(speed === null ? {} : { note: `${speed.toFixed(1)} MB/s` }),
});
