import type { JobProgress } from "../../../schema/api/job.ts";
import type { Context } from "../command.ts";
import { EXIT, type ExitCode } from "../failures/exit-codes.ts";
import { createProgressLine } from "../terminal/progress-line.ts";
import type { Created } from "./created-by.ts";
import { createRetryReport } from "./follow-job.ts";

/** Progress of several jobs and batches in one line. */
export interface JointProgress {
  show(progress: JobProgress): void;
  ended(created: Created, code: ExitCode): void;
  /** Makes room for a result. */
  clear(): void;
  end(): Promise<void>;
}

export function createJointProgress(
  created: readonly Created[],
  { api, out, signal }: Pick<Context, "api" | "out" | "signal">,
): JointProgress {
  const line = createProgressLine(out.screen);
  const percents = new Map<string, number>();
  let ended = 0;
  let bad = 0;
  const draw = () => {
    const sum = [...percents.values()].reduce((total, each) => total + each, 0);
    const note = `${ended} of ${created.length}${bad === 0 ? "" : `, ${bad} not delivered`}`;
    line.show({ label: "Jobs", percent: sum / created.length, note });
  };
  const retries = createRetryReport(api, signal, (text) => {
    line.clear();
    out.note(text, "yellow");
  });
  return {
    show(progress) {
      percents.set(progress.job_id, progress.progress);
      draw();
      retries.look(progress);
    },
    ended({ id }, code) {
      percents.set(id, 100);
      ended++;
      if (code !== EXIT.ok) bad++;
      draw();
    },
    clear: line.clear,
    async end() {
      await retries.settled();
      line.end();
    },
  };
}
