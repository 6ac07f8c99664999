import type { JobErrorCode } from "../../schema/errors.ts";
import { xmlText } from "./xml.ts";

/** Why one S3 request failed, and whether repeating it can help. */
export interface S3Failure {
  readonly code: Extract<JobErrorCode, "upload_refused" | "upload_failed">;
  /** For people: the server's code, status and message. */
  readonly detail: string;
  readonly retryable: boolean;
  /** What the server asked for, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** The server understood and says no: other keys, another bucket or another region are needed. */
const REFUSALS: ReadonlySet<string> = new Set([
  "AccessDenied",
  "AccountProblem",
  "AllAccessDisabled",
  "AuthorizationHeaderMalformed",
  "ExpiredToken",
  "IllegalLocationConstraintException",
  "InvalidAccessKeyId",
  "InvalidBucketName",
  "InvalidRegionName",
  "InvalidSecurity",
  "InvalidToken",
  "KeyTooLongError",
  "MethodNotAllowed",
  "NoSuchBucket",
  "NotSignedUp",
  "PermanentRedirect",
  "QuotaExceeded",
  "RequestTimeTooSkewed",
  "SignatureDoesNotMatch",
  "TokenRefreshRequired",
  "Unauthorized",
]);
/** Said with a status of 400 or in the body of a 200, yet about the moment and not about the request. */
const PASSING: ReadonlySet<string> = new Set([
  "InternalError",
  "OperationAborted",
  "RequestTimeout",
  "ServiceUnavailable",
  "SlowDown",
  "Throttling",
]);

/**
 * Reads the answer to a failed request.
 *
 * @param status the HTTP status; 200 when the error came in the body of a success
 */
export function s3Failure(status: number, body: string, retryAfterMs: number | undefined): S3Failure {
  const name = xmlText(body, "Code") ?? "";
  const message = (xmlText(body, "Message") ?? "").slice(0, 200);
  const detail = [`${name || "error"} (${status})`, message].filter((text) => text !== "").join(": ");
  if (REFUSALS.has(name) || status === 401 || status === 403 || isRedirect(status)) {
    return { code: "upload_refused", detail, retryable: false };
  }
  const retryable =
    PASSING.has(name) || status === 408 || status === 429 || (status >= 500 && status !== 501);
  return { code: "upload_failed", detail, retryable, retryAfterMs };
}

/** A bucket of another region answers with a redirect that must not be followed with the same signature. */
const isRedirect = (status: number): boolean => status >= 300 && status < 400;
