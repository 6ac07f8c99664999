import { z } from "zod";
import { Time } from "./ids.ts";

/** Most marks of a source that a job keeps. */
export const MAX_MARKS = 40;

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
  /** What the runs found out about the source, as texts that denials are compared with; see `worker/services/rights/marks.ts`. */
  marks: z.array(z.string().max(400)).max(MAX_MARKS).optional(),
  /** When the operator's denial took effect on a job that had been delivered; epoch milliseconds. */
  denied_at: Time.optional(),
});
export type JobDetails = z.infer<typeof JobDetails>;
