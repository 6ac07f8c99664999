import type { z } from "zod";
import type { Issue } from "../../schema/api/error.ts";
import { API_ERRORS, type ApiErrorCode } from "../../schema/errors.ts";

interface ApiErrorFacts {
  /** Replaces the table's sentence. */
  readonly sentence?: string;
  readonly issues?: readonly Issue[];
  /** Additional members of the body. */
  readonly details?: Readonly<Record<string, string>>;
  /** Whole seconds to wait before another try. */
  readonly retryAfterSeconds?: number;
  /** The methods that the path takes, as the header `Allow` says them. */
  readonly allow?: string;
  /** For the log only. */
  readonly cause?: unknown;
}

/** An error that is reported to the caller; everything else that is thrown becomes `internal`. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: ApiErrorCode;
  readonly issues: readonly Issue[] | undefined;
  readonly details: Readonly<Record<string, string>> | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly allow: string | undefined;

  constructor(code: ApiErrorCode, facts: ApiErrorFacts = {}) {
    super(facts.sentence ?? API_ERRORS[code].sentence, { cause: facts.cause });
    this.code = code;
    this.issues = facts.issues;
    this.details = facts.details;
    this.retryAfterSeconds = facts.retryAfterSeconds;
    this.allow = facts.allow;
  }

  get status() {
    return API_ERRORS[this.code].status;
  }
}

/** The request is wrong at these places. */
export function invalidRequest(issues: readonly Issue[]): ApiError {
  if (issues.length === 0) return new ApiError("invalid_request");
  return new ApiError("invalid_request", { sentence: sentenceOfAll(issues), issues });
}

/** One thing is wrong with the request. */
export const invalidMember = (path: string, message: string): ApiError => invalidRequest([{ path, message }]);

/** The request does not fit the state of its subject. */
export const illegalState = (sentence: string): ApiError => new ApiError("invalid_request", { sentence });

const UNKNOWN = {
  account: "There is no account with this id",
  batch: "There is no batch with this id",
  denial: "There is no denial with this id",
  delivery: "There is no webhook delivery with this id",
  erasure: "There is no erasure with this id",
  exit: "There is no exit with this name",
  job: "There is no job with this id",
  key: "This account has no key with this id",
  page: "There is no page at this address",
  subscription: "There is no subscription with this id",
  route: "There is no such route; GET /openapi.json lists all of them",
} as const;

/** The same error for what does not exist and for what belongs to another account. */
export const notFound = (what: keyof typeof UNKNOWN): ApiError =>
  new ApiError("not_found", { sentence: UNKNOWN[what] });

/** A dependency does not respond; nothing was changed. */
export const dependencyUnavailable = (cause: unknown): ApiError =>
  new ApiError("dependency_unavailable", { cause, retryAfterSeconds: 5 });

/** Turns a schema's errors into issues with dotted paths. */
export function issuesOf(error: z.core.$ZodError, root = "body"): Issue[] {
  return error.issues.map((issue) => ({
    path: issue.path.length === 0 ? root : issue.path.join("."),
    message: issue.message,
  }));
}

/** Longer messages are cut after a whole issue, in characters; `issues` contains all of them. */
const MAX_SENTENCE_LENGTH = 400;

/** The first issue, with every further one that has the same message for another field. */
function sentenceOfAll([first, ...others]: readonly Issue[]): string {
  let sentence = first ? sentenceOf(first) : "";
  for (const issue of others.filter(({ message }) => isUnknown(message))) {
    if (!first || !isUnknown(first.message)) break;
    if (sentence.length + issue.path.length > MAX_SENTENCE_LENGTH) break;
    sentence += `, ${sentenceOf(issue)}`;
  }
  return sentence;
}

const isUnknown = (message: string): boolean => message.startsWith("is not a known field");

/** Messages that begin with a capital letter are whole sentences; the others continue the member's name. */
function sentenceOf({ path, message }: Issue): string {
  return /^[A-Z]/.test(message) ? message : `${path} ${message}`;
}
