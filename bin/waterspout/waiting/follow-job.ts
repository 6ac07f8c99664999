import type { Job } from "../../../schema/api/job.ts";
import type { Client } from "../../../schema/client.ts";
import { createProgressLine, progressOfJob, type Screen } from "../terminal/progress-line.ts";

/** Shows a job's progress up to its end. @returns the job, with a fresh link to its file */
export async function followJob(api: Client, id: string, screen: Screen, signal: AbortSignal): Promise<Job> {
  const line = createProgressLine(screen);
  try {
    return await api.waitForJob(id, {
      signal,
      onProgress: (progress) => line.show(progressOfJob(progress)),
    });
  } finally {
    line.end();
  }
}

/** Why a job that ended has no file. */
export const sentenceOfEnd = ({ status, error }: Job): string => `The job ended ${status}: ${error}`;
