import { JOB_ERRORS, type JobErrorCode, jobSentence } from "../../../schema/errors.ts";
import type { MediaPlan } from "../../../schema/media.ts";
import type { ProbeOutcome } from "../../../schema/wire/probe.ts";
import { WIRE_VERSION } from "../../../schema/wire/version.ts";
import type { Asker, RequestContext } from "../../context.ts";
import { ApiError, dependencyUnavailable } from "../../lib/api-error.ts";
import { cookiesForProbe } from "../cookies/cookies-for.ts";
import { noteProbe } from "../cookies/report-use.ts";
import { exitForProbe } from "../exits/assign-exits.ts";
import { policyForProbe } from "../ytdlp/policy.ts";

/** What a source reported; see `ProbeOutcome`. */
export type Found = Extract<ProbeOutcome, { type: "found" }>;

/** What is asked about one media item; see `MediaProbeRequest`. */
export type MediaQuestion =
  | { readonly kind: "metadata"; readonly url: string }
  | { readonly kind: "plan"; readonly url: string; readonly plan: MediaPlan };

/** Suggested delay if the source states none. */
const RETRY_SECONDS = 30;

/**
 * Asks a source through a processor.
 *
 * @throws ApiError `invalid_request` with the message that a job would end with, if asking again is pointless;
 *   `dependency_unavailable` with a delay for temporary failures; `probe_timeout`
 */
export async function probeSource(
  context: RequestContext,
  asker: Asker,
  question: MediaQuestion,
): Promise<Found> {
  const [cookies, exit, ytdlp] = await Promise.all([
    cookiesForProbe(context, question.url, asker),
    exitForProbe(context, question.url),
    policyForProbe(context, question.url),
  ]);
  const response = await context.runner.probe({ v: WIRE_VERSION, ...question, cookies, exit, ytdlp });
  switch (response.type) {
    case "answered":
      await noteProbe(context, response.outcome.cookies);
      if (response.outcome.type === "found") return response.outcome;
      throw new SourceRefusedError(response.outcome);
    case "late":
      throw new ApiError("probe_timeout");
    case "busy":
      throw new ApiError("dependency_unavailable", { retryAfterSeconds: response.retryAfterSeconds });
    case "unreachable":
      throw dependencyUnavailable(new Error(response.reason));
  }
}

interface SourceRefusal {
  readonly code: JobErrorCode;
  /** What it was about, such as a host. */
  readonly subject?: string | null | undefined;
  readonly retry_after_ms: number | null;
}

/** The source's refusal as an API error. */
export class SourceRefusedError extends ApiError {
  readonly jobError: JobErrorCode;

  constructor({ code, subject, retry_after_ms: retryAfterMs }: SourceRefusal) {
    const { retry } = JOB_ERRORS[code];
    const sentence = jobSentence(code, subject);
    // a job is retried a few times, but to a person the name is most likely mistyped
    if (retry === "never" || code === "host_not_found") super("invalid_request", { sentence });
    else {
      const retryAfterSeconds = retryAfterMs === null ? RETRY_SECONDS : Math.ceil(retryAfterMs / 1000);
      super("dependency_unavailable", { sentence, retryAfterSeconds });
    }
    this.jobError = code;
  }
}
