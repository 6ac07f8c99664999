import type { Job, JobProgress } from "../../../schema/api/job.ts";
import type { Client } from "../../../schema/client.ts";
import { createProgressLine, progressOfJob, type Screen } from "../terminal/progress-line.ts";
import { moment } from "../terminal/text.ts";

/**
 * Shows a job's progress up to its end.
 *
 * @param note receives one sentence when a try failed and another one follows
 * @returns the job, with a fresh link to its file
 */
export async function followJob(
  api: Client,
  id: string,
  screen: Screen,
  signal: AbortSignal,
  note: (text: string) => void = () => {},
): Promise<Job> {
  const line = createProgressLine(screen);
  const retries = createRetryReport(api, signal, (text) => {
    line.clear();
    note(text);
  });
  try {
    return await api.waitForJob(id, {
      signal,
      onProgress: (progress) => {
        line.show(progressOfJob(progress));
        retries.look(progress);
      },
    });
  } finally {
    await retries.settled();
    line.end();
  }
}

/** Reports failed tries of jobs: their progress does not say why they wait, so each pending job is read. */
export function createRetryReport(
  api: Client,
  signal: AbortSignal,
  report: (text: string) => void,
): { look(progress: JobProgress): void; settled(): Promise<void> } {
  const reported = new Map<string, number>();
  let reading: Promise<void> = Promise.resolve();
  const read = async (id: string) => {
    // what cannot be read now ends the wait elsewhere, or is read at the next change
    const job = await api.getJob({ params: { id }, signal }).catch(() => null);
    if (!job?.error || !job.next_try_at || reported.get(id) === job.next_try_at) return;
    reported.set(id, job.next_try_at);
    report(retrySentence(job.error, job.next_try_at, Date.now()));
  };
  return {
    look({ job_id, status }) {
      if (status === "Pending") reading = reading.then(() => read(job_id));
    },
    settled: () => reading,
  };
}

/** @example "The connection to the source failed. It will be tried again in 30 s, at 10:00:30 UTC." */
export function retrySentence(error: string, nextTryAt: number, now: number): string {
  const [day, time] = moment(nextTryAt).split(" ");
  const isToday = moment(now).startsWith(`${day}`);
  return `${error}. It will be tried again in ${duration(nextTryAt - now)}, at ${isToday ? "" : `${day} `}${time} UTC.`;
}

function duration(ms: number): string {
  const seconds = Math.max(1, Math.ceil(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

/** Why a job that ended has no file. */
export const sentenceOfEnd = ({ status, error }: Job): string => `The job ended ${status}: ${error}`;
