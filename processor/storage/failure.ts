import type { JobErrorCode } from "../../schema/errors.ts";
import { Fault, SourceFault } from "../fault.ts";

/** Why one request to a storage failed, and whether repeating it can help. */
export interface StorageFailure {
  readonly code: Extract<JobErrorCode, "upload_refused" | "upload_failed">;
  /** For logs: a cause word, the status where there is one, the provider's message. Never a secret. */
  readonly detail: string;
  readonly retryable: boolean;
  /** What the server asked for, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** An attempt ended in a failure that is understood. */
export class StorageFailedError extends Error {
  override readonly name = "StorageFailed";
  readonly failure: StorageFailure;

  constructor(failure: StorageFailure) {
    super(failure.detail);
    this.failure = failure;
  }
}

/** A request made no progress for too long. */
export class StorageSilentError extends Error {
  override readonly name = "StorageSilent";
  /** For a storage that answered nothing else meanwhile: it hangs, and asking again would take as long again. */
  readonly code: "STORAGE_SILENT" | "CONNECTION_SILENT";

  constructor(idleMs: number, isStorage: boolean) {
    super(`no progress for ${idleMs / 1000} s`);
    this.code = isStorage ? "STORAGE_SILENT" : "CONNECTION_SILENT";
  }
}

/** An error answer, as every provider gives it. */
export interface ErrorResponse {
  readonly status: number;
  /** The provider's own code; empty when it gave none. @example "SignatureDoesNotMatch" */
  readonly name: string;
  readonly message: string;
  /** What `Retry-After` asks for, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** The server understood and refuses: other keys, another bucket or another region are needed. */
const REFUSALS: ReadonlySet<string> = new Set([
  "AccessDenied",
  "AccountBeingCreated",
  "AccountIsDisabled",
  "AccountProblem",
  "AllAccessDisabled",
  "AuthenticationFailed",
  "AuthorizationHeaderMalformed",
  "BlobArchived",
  "BlobImmutableDueToPolicy",
  "ContainerDisabled",
  "ContainerNotFound",
  "ExpiredToken",
  "IllegalLocationConstraintException",
  "InvalidAccessKeyId",
  "InvalidBucketName",
  "InvalidRegionName",
  "InvalidResourceName",
  "InvalidSecurity",
  "InvalidToken",
  "KeyTooLongError",
  "LeaseIdMissing",
  "MethodNotAllowed",
  "NoSuchBucket",
  "NotSignedUp",
  "PermanentRedirect",
  "QuotaExceeded",
  "RequestTimeTooSkewed",
  "SignatureDoesNotMatch",
  "TokenRefreshRequired",
  "Unauthorized",
  "UserDisable",
  "invalid_grant",
]);
/** Said with a status of 400 or in the body of a 200, yet about the moment and not about the request. */
const PASSING: ReadonlySet<string> = new Set([
  "InternalError",
  "OperationAborted",
  "OperationTimedOut",
  "RequestTimeout",
  "ServerBusy",
  "ServiceUnavailable",
  "SlowDown",
  "Throttling",
]);
const MESSAGE_LENGTH = 200;

/** What an error answer means. */
export function responseFailure({ status, name, message, retryAfterMs }: ErrorResponse): StorageFailure {
  const cause = `${name || "error"} (${status})`;
  const detail = [cause, message.slice(0, MESSAGE_LENGTH)].filter((text) => text !== "").join(": ");
  if (REFUSALS.has(name) || status === 401 || status === 403 || isRedirect(status)) {
    return { code: "upload_refused", detail, retryable: false };
  }
  const retryable =
    PASSING.has(name) || status === 408 || status === 429 || (status >= 500 && status !== 501);
  return { code: "upload_failed", detail, retryable, retryAfterMs };
}

/** A bucket of another region answers with a redirect that must not be followed with the same signature. */
const isRedirect = (status: number): boolean => status >= 300 && status < 400;

/**
 * What an error that an attempt threw means: an understood answer, a host that may not be dialled, a certificate, a
 * broken connection. Faults of other classes are not the storage's and are thrown on.
 */
export function failureOf(error: unknown): StorageFailure {
  if (error instanceof StorageFailedError) return error.failure;
  if (error instanceof Fault && error.code === "egress_blocked") {
    return { code: "upload_refused", detail: `EgressBlocked: ${error.detail}`, retryable: false };
  }
  if (error instanceof Fault && !(error instanceof SourceFault)) throw error;
  const code = systemCode(error);
  if (code === "ENOTFOUND")
    return { code: "upload_failed", detail: `UnknownHost (${code})`, retryable: true };
  if (code === "STORAGE_SILENT") {
    return { code: "upload_failed", detail: "the storage hangs: it answers nothing", retryable: false };
  }
  if (/^(CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/.test(code)) {
    return { code: "upload_refused", detail: `TlsFailed (${code})`, retryable: false };
  }
  const shown = code === "" ? "" : ` (${code})`;
  return { code: "upload_failed", detail: `the storage could not be reached${shown}`, retryable: true };
}

/** The system's error code where there is one; texts of errors may hold URLs and headers. */
function systemCode(error: unknown): string {
  if (!(error instanceof Error)) return "";
  if ("code" in error && typeof error.code === "string" && /^[A-Z_0-9]+$/.test(error.code)) return error.code;
  return systemCode(error.cause);
}
