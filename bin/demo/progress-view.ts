import type { JobProgress } from "../../schema/api/job.ts";

/** Where the view is drawn; `process.stdout` is one. */
export interface Screen {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

const WIDTH = 30;
/** Percent between two lines where there is no terminal to draw on. */
const LINE_STEP = 10;

/** Shows progress: one line that is drawn over on a terminal, plain lines elsewhere. */
export function createProgressView(screen: Screen): { show(progress: JobProgress): void; end(): void } {
  let last = "";
  return {
    show(progress) {
      const line = render(progress);
      if (screen.isTTY) {
        screen.write(`\r\x1b[K${line}`);
        return;
      }
      const mark = `${progress.status} ${progress.step} ${Math.floor(progress.progress / LINE_STEP)}`;
      if (mark !== last) screen.write(`${line}\n`);
      last = mark;
    },
    end() {
      if (screen.isTTY) screen.write("\n");
    },
  };
}

function render({ step, progress, download_speed_mbps: speed }: JobProgress): string {
  const filled = Math.round((progress / 100) * WIDTH);
  const bar = "█".repeat(filled) + "░".repeat(WIDTH - filled);
  const percent = `${Math.round(progress)}`.padStart(3);
  return `  ${step.padEnd(11)} ${bar} ${percent} %${speed === null ? "" : `  ${speed.toFixed(1)} MB/s`}`;
}
