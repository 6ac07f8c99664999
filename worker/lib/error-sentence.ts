import { type JobErrorCode, jobSentence } from "../../schema/errors.ts";
import { siteTitleOf } from "../../schema/telemetry/site.ts";

/** The part of a job's row that its sentence is about. */
interface FailedJob {
  readonly error_code: JobErrorCode | null;
  readonly details?: { readonly error_subject?: string | undefined } | null;
  readonly url: string;
}

/**
 * Why a job failed, or why it waits, as a sentence for people; null if neither.
 *
 * @param nextTryAt see {@link jobSentence}
 */
export function errorSentence(
  { error_code: code, details, url }: FailedJob,
  nextTryAt: number | null = null,
): string | null {
  if (code === null) return null;
  // a job whose site is held back was not run, so its URL says which one that is
  const subject = code === "site_failing" ? siteTitleOf(url) : details?.error_subject;
  return jobSentence(code, subject, nextTryAt);
}
