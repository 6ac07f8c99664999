import type { JobErrorCode } from "../../schema/errors.ts";
import { parseRetryAfter } from "../../schema/retry-after.ts";
import {
  causeOf,
  judgeAnswer,
  type ProviderError,
  readProviderError,
} from "../../schema/storage/refusals.ts";
import { Fault, SourceFault } from "../fault.ts";
import type { StorageResponse } from "./transport.ts";

/** Why one request to a storage failed, and whether repeating it can help. */
export interface StorageFailure {
  readonly code: Extract<JobErrorCode, "upload_refused" | "upload_failed">;
  /** For logs: a cause word, the status if there is one, the provider's message. Never a secret. */
  readonly detail: string;
  readonly retryable: boolean;
  /** The permission that is missing. @example "s3:PutObject" */
  readonly permission?: string | undefined;
  /** The wait that the server asked for, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** An attempt ended in a recognised failure. */
export class StorageFailedError extends Error {
  override readonly name = "StorageFailed";
  readonly failure: StorageFailure;

  constructor(failure: StorageFailure) {
    super(failure.detail);
    this.failure = failure;
  }
}

const MESSAGE_LENGTH = 200;

interface ResponseContext {
  /** What `Retry-After` asks for, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** The permission that the request needs, for refusals that name none. */
  readonly permission?: string | null | undefined;
}

type ReportedRefusal = Pick<ProviderError, "status" | "code" | "message"> &
  Partial<Pick<ProviderError, "permission">>;

/** The meaning of an error response. */
export function responseFailure(
  { status, code: name, message, permission }: ReportedRefusal,
  { retryAfterMs, permission: needed }: ResponseContext = {},
): StorageFailure {
  const cause = `${name || "error"} (${status})`;
  const detail = [cause, message.slice(0, MESSAGE_LENGTH)].filter((text) => text !== "").join(": ");
  const verdict = judgeAnswer({ status, code: name });
  if (verdict === "refused") {
    // a response to HEAD has no body that could name the error
    const isDenied = causeOf(name) === "access_denied" || (name === "" && status === 403);
    const missing = isDenied ? (permission ?? needed ?? undefined) : undefined;
    return { code: "upload_refused", detail, retryable: false, permission: missing };
  }
  return { code: "upload_failed", detail, retryable: verdict === "passing", retryAfterMs };
}

/** The failure that any provider's error response reports. @param now epoch milliseconds */
export function answeredFailure(
  { status, headers, text }: StorageResponse,
  now: number,
  permission?: string | null,
): StorageFailedError {
  const header = (name: string): string | undefined => headers[name]?.toString();
  const error = readProviderError({ status, header, text });
  const retryAfterMs = parseRetryAfter(header("retry-after"), now);
  return new StorageFailedError(responseFailure(error, { retryAfterMs, permission }));
}

/**
 * The meaning of an error that an attempt threw: a recognised response, a forbidden host, a certificate, a broken
 * connection. Other kinds of faults are not the storage's and are thrown on.
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

/** The system's error code if there is one; texts of errors may contain URLs and headers. */
function systemCode(error: unknown): string {
  if (!(error instanceof Error)) return "";
  if ("code" in error && typeof error.code === "string" && /^[A-Z_0-9]+$/.test(error.code)) return error.code;
  return systemCode(error.cause);
}
