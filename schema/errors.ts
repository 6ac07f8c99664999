/**
 * The one table of errors. HTTP errors (`ApiErrorCode`) and failures of jobs (`JobErrorCode`) each have
 * one row here; status codes, retry behaviour and sentences are read from nowhere else.
 */

interface ApiErrorRow {
  /** HTTP status of the response. */
  readonly status: 400 | 401 | 403 | 404 | 405 | 409 | 413 | 422 | 429 | 451 | 500 | 503 | 504;
  /** Default message; code may replace it by one that names the field or the provider's reason. */
  readonly sentence: string;
}

/** Every machine code an HTTP error body can carry, with its status and its default sentence. */
export const API_ERRORS = {
  invalid_request: { status: 400, sentence: "The request is not valid" },
  storage_required: {
    status: 400,
    sentence: "This account must send inline storage credentials with each job (field: storage)",
  },
  storage_verification_failed: { status: 400, sentence: "Credential validation failed" },
  missing_api_key: { status: 401, sentence: "Missing x-api-key header" },
  invalid_api_key: { status: 401, sentence: "Invalid API Key" },
  quota_exceeded: { status: 403, sentence: "Storage quota exceeded" },
  forbidden: { status: 403, sentence: "This key may not do that" },
  not_found: { status: 404, sentence: "Not found" },
  method_not_allowed: { status: 405, sentence: "This route does not take this method" },
  lease_lost: { status: 409, sentence: "This run no longer owns the job" },
  idempotency_in_progress: {
    status: 409,
    sentence: "A request with this idempotency key is still being executed",
  },
  payload_too_large: { status: 413, sentence: "The request body is too large" },
  idempotency_key_reused: {
    status: 422,
    sentence: "This idempotency key was already used with another body",
  },
  rate_limited: { status: 429, sentence: "Too many requests" },
  too_many_jobs: { status: 429, sentence: "Too many jobs are running for this account" },
  denied: {
    status: 451,
    sentence:
      "The operator of this service decided not to deliver this source; it is not the site's decision or yours. Ask the operator",
  },
  internal: { status: 500, sentence: "Something went wrong on our side" },
  overloaded: { status: 503, sentence: "The service cannot take more work right now" },
  dependency_unavailable: { status: 503, sentence: "A part of the service is not available right now" },
  probe_timeout: { status: 504, sentence: "The source took too long to answer" },
  expansion_timeout: { status: 504, sentence: "Listing this show or playlist took too long" },
} as const satisfies Record<string, ApiErrorRow>;

/** @example "invalid_request" */
export type ApiErrorCode = keyof typeof API_ERRORS;

/**
 * What may be tried again after a failure:
 * - `never`: caused by the content or the request; the first failure is final.
 * - `once`: one retry with a fresh extraction (signed media links expire).
 * - `backoff`: a few retries with growing delays.
 * - `patient`: the other side is down or limits us; retried with growing delays until the job's retry horizon.
 * - `elsewhere`: like `patient`, and on another processor if there is one.
 */
export type RetryClass = "never" | "once" | "backoff" | "patient" | "elsewhere";

/**
 * Whose failure it is: the source that is fetched from, the storage that is delivered to, or this service. A failure
 * of one party never counts against another.
 */
export type Party = "source" | "storage" | "service";

interface JobErrorRow {
  /** The final status a job takes when this error ends it. */
  readonly outcome: "Failed" | "Warning" | "Skipped";
  readonly retry: RetryClass;
  readonly party: Party;
  /** One sentence for people; it never names a tool, a path or a credential. */
  readonly sentence: string;
  /** The same if it is known what the failure was about, which replaces `{subject}`. */
  readonly named?: `${string}{subject}${string}`;
  /** The sentence of a waiting job says when it is tried again. */
  readonly namesNextTry?: true;
}

/** Every way a job can end other than `Completed`. The key is the job's `error_code`. */
export const JOB_ERRORS = {
  // about the content: the source's response is final at the first try
  private: { party: "source", outcome: "Warning", retry: "never", sentence: "This media is private" },
  members_only: {
    party: "source",
    outcome: "Warning",
    retry: "never",
    sentence: "This media is for members or subscribers only",
  },
  unavailable: {
    party: "source",
    outcome: "Warning",
    retry: "never",
    sentence: "This media is not available or was removed",
  },
  age_restricted: {
    party: "source",
    outcome: "Warning",
    retry: "never",
    sentence: "This media is age-restricted",
  },
  geo_blocked: {
    party: "source",
    outcome: "Warning",
    retry: "never",
    sentence: "This media is not available in the server's country",
  },
  copyright: {
    party: "source",
    outcome: "Warning",
    retry: "never",
    sentence: "This media was blocked on copyright grounds",
  },
  terminated: {
    party: "source",
    outcome: "Warning",
    retry: "never",
    sentence: "The account or channel that published this media was terminated",
  },
  login_required: {
    party: "source",
    outcome: "Warning",
    retry: "never",
    sentence: "The source asks for a login before it shows this media",
  },
  upcoming: {
    party: "source",
    outcome: "Warning",
    retry: "never",
    sentence: "This stream or premiere has not started yet; send wait_for_video to wait for it",
  },
  not_live: {
    party: "source",
    outcome: "Warning",
    retry: "never",
    sentence: "This channel or stream is not live right now",
  },
  live: {
    party: "source",
    outcome: "Warning",
    retry: "never",
    sentence: "This stream is live over a protocol that cannot be recorded; only HLS can",
  },
  drm: {
    party: "source",
    outcome: "Skipped",
    retry: "never",
    sentence: "This media is protected by DRM and cannot be delivered",
  },
  entry_unavailable: {
    party: "source",
    outcome: "Skipped",
    retry: "never",
    sentence: "This entry of the list is private or was removed",
  },
  no_open_feed: {
    party: "source",
    outcome: "Skipped",
    retry: "never",
    sentence: "This episode is not published in an open podcast feed and cannot be delivered",
  },
  ambiguous_episode: {
    party: "source",
    outcome: "Skipped",
    retry: "never",
    sentence:
      "The show's open podcast feed has several episodes that this one may be; the right one cannot be determined",
  },
  // about the request
  unsupported_url: {
    party: "source",
    outcome: "Failed",
    retry: "never",
    sentence: "No downloadable media was found at this URL",
  },
  invalid_feed: {
    party: "source",
    outcome: "Failed",
    retry: "never",
    sentence: "The feed at this URL is not well-formed XML and cannot be read; its publisher must correct it",
  },
  is_playlist: {
    party: "source",
    outcome: "Failed",
    retry: "never",
    sentence: "This URL is a list of several items; send batch: true to download them all",
  },
  no_format: {
    party: "source",
    outcome: "Failed",
    retry: "never",
    sentence: "The source offers no stream that fits the requested format",
  },
  clip_out_of_range: {
    party: "source",
    outcome: "Failed",
    retry: "never",
    sentence: "The requested clip starts after the end of the media",
  },
  limit_exceeded: {
    party: "service",
    outcome: "Failed",
    retry: "never",
    sentence: "The media is larger or longer than this service or key allows",
  },
  egress_blocked: {
    party: "source",
    outcome: "Failed",
    retry: "never",
    sentence:
      "The URL leads to a private or internal address, which is not allowed unless the operator lists the host in ALLOWED_PRIVATE_HOSTS",
  },
  denied: {
    party: "service",
    outcome: "Skipped",
    retry: "never",
    sentence:
      "The operator of this service decided not to deliver this source; it is not the site's decision or yours. Ask the operator",
    named:
      "The operator of this service decided not to deliver this source; it is not the site's decision or yours. Ask {subject}",
  },
  // technical
  bot_check: {
    party: "source",
    outcome: "Failed",
    retry: "backoff",
    sentence: "The source asked to confirm that the visitor is not a robot",
  },
  rate_limited: {
    party: "source",
    outcome: "Failed",
    retry: "patient",
    sentence: "The source is limiting the rate of requests; try again later",
  },
  forbidden: {
    party: "source",
    outcome: "Failed",
    retry: "once",
    sentence: "The source refused access to the media file",
  },
  network: {
    party: "source",
    outcome: "Failed",
    retry: "patient",
    sentence: "The connection to the source failed or broke off",
  },
  site_failing: {
    party: "source",
    outcome: "Failed",
    retry: "patient",
    sentence: "This site is not working from this server at present",
    named: "{subject} is not working from this server at present",
    namesNextTry: true,
  },
  host_not_found: {
    party: "source",
    outcome: "Failed",
    retry: "backoff",
    sentence: "The host name of the source does not exist; check the URL",
    named: "The host name {subject} does not exist; check the URL",
  },
  truncated: {
    party: "source",
    outcome: "Failed",
    retry: "never",
    sentence: "The source's file is incomplete or damaged",
  },
  processing: {
    party: "service",
    outcome: "Failed",
    retry: "never",
    sentence: "The media could not be converted to the requested format",
  },
  upload_refused: {
    party: "storage",
    outcome: "Failed",
    retry: "never",
    sentence:
      "The storage refused the upload; check its credentials, bucket, permissions, and the headers that its policy demands (encryption, storage class, acl, tags)",
    named:
      "The storage refused the upload: its credentials may not use {subject}; allow it, or send the headers that its policy demands (encryption, storage class, acl, tags)",
  },
  upload_failed: {
    party: "storage",
    outcome: "Failed",
    retry: "patient",
    sentence: "The upload to the storage failed",
  },
  disk_full: {
    party: "service",
    outcome: "Failed",
    retry: "elsewhere",
    sentence: "The server ran out of working space",
  },
  timeout: {
    party: "service",
    outcome: "Failed",
    retry: "never",
    sentence: "The job took longer than allowed",
  },
  cancelled: { party: "service", outcome: "Failed", retry: "never", sentence: "Job cancelled by user" },
  interrupted: {
    party: "service",
    outcome: "Failed",
    retry: "elsewhere",
    sentence: "The job was interrupted too often and was given up",
  },
  internal: {
    party: "service",
    outcome: "Failed",
    retry: "backoff",
    sentence: "Something went wrong while processing the media",
  },
} as const satisfies Record<string, JobErrorRow>;

/** @example "geo_blocked" */
export type JobErrorCode = keyof typeof JOB_ERRORS;

/**
 * The sentence of a failure for people.
 *
 * @param subject what it was about, such as a host or a permission; null if unknown
 * @param nextTryAt when the job is tried again, in epoch milliseconds; null if it has ended or is tried at once
 * @example jobSentence("host_not_found", "a.invalid") // "The host name a.invalid does not exist; check the URL"
 * @example jobSentence("site_failing", "YouTube", Date.UTC(2026, 10, 29, 14, 5)) // "YouTube is not working from this server at present; tried again at 14:05 UTC"
 */
export function jobSentence(
  code: JobErrorCode,
  subject: string | null | undefined,
  nextTryAt: number | null = null,
): string {
  const { sentence, named, namesNextTry }: JobErrorRow = JOB_ERRORS[code];
  const text = subject && named ? named.replace("{subject}", () => subject) : sentence;
  if (!namesNextTry || nextTryAt === null) return text;
  return `${text}; tried again at ${new Date(nextTryAt).toISOString().slice(11, 16)} UTC`;
}

/**
 * Failures that leave a recording usable. A broadcast cannot be recorded again, so its pieces stay in the storage.
 */
export const RECORDING_KEPT: readonly JobErrorCode[] = [
  ...(["processing", "truncated", "internal", "timeout"] as const),
  // what a tool may say of pieces that it cannot join
  ...(["limit_exceeded", "no_format", "unsupported_url"] as const),
];

/** A source refuses the address that asks: another address may be served at once. */
export const ADDRESS_REFUSALS: readonly JobErrorCode[] = ["bot_check", "rate_limited"];

/** A source refuses a visitor without a session: one who is signed in may be served. */
export const SESSION_REFUSALS: readonly JobErrorCode[] = [
  ...(["bot_check", "login_required", "members_only", "private", "age_restricted", "forbidden"] as const),
];

/** The codes of one party's failures. @example JobErrorCodeOf<"storage"> // "upload_refused" | "upload_failed" */
export type JobErrorCodeOf<P extends Party> = {
  [Code in JobErrorCode]: (typeof JOB_ERRORS)[Code]["party"] extends P ? Code : never;
}[JobErrorCode];

/** All job error codes, for enums. */
export const JOB_ERROR_CODES = Object.keys(JOB_ERRORS) as [JobErrorCode, ...JobErrorCode[]];

/** All API error codes, for enums. */
export const API_ERROR_CODES = Object.keys(API_ERRORS) as [ApiErrorCode, ...ApiErrorCode[]];

/**
 * `error_type` as the contract defines it: `error` is technical, `warning` is about the content.
 *
 * @example errorTypeOf("geo_blocked") // "warning"
 */
export function errorTypeOf(code: JobErrorCode): "error" | "warning" {
  return JOB_ERRORS[code].outcome === "Failed" ? "error" : "warning";
}
