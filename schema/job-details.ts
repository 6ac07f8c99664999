import { z } from "zod";

/**
 * Facts of a job's delivery that no query filters by. They share one column, because a table of D1 has at most 100
 * columns and a result too.
 *
 * @see https://developers.cloudflare.com/d1/platform/limits/
 */
export const JobDetails = z.object({
  /** Name of the exit that the run was given or used last; absent where no exits are configured. */
  exit: z.string().optional(),
  /** What the last failure was about; see `jobSentence`. */
  error_subject: z.string().optional(),
  /** The job whose file was copied; absent where the media was fetched. */
  copied_from: z.string().optional(),
});
export type JobDetails = z.infer<typeof JobDetails>;
