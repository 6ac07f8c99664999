import { namedPermission } from "./permissions.ts";
import { xmlText } from "./xml-answer.ts";

/** An error response of an object store, in one shape for all providers. */
export interface ProviderError {
  readonly status: number;
  /** The provider's error name; empty if there is none. @example "SignatureDoesNotMatch" */
  readonly code: string;
  /** The provider's sentence. It is only compared or logged, because it may contain anything. */
  readonly message: string;
  /** The region of the bucket, according to the provider. @example "eu-west-1" */
  readonly region: string | null;
  /** The permission that is missing, if the provider names it. @example "oss:PutObject" */
  readonly permission: string | null;
}

/** Why a provider refused: for people, and to decide about another try. */
export type RefusalCause =
  | "access_denied"
  | "account_problem"
  | "api_disabled"
  | "bad_name"
  | "clock"
  | "expired"
  | "full"
  | "immutable"
  | "long_key"
  | "no_bucket"
  | "temporary_token"
  | "unknown_key"
  | "unknown_service_account"
  | "unsupported_option"
  | "wrong_credentials"
  | "wrong_grant"
  | "wrong_region"
  | "wrong_secret"
  | "not_a_storage";

/**
 * By the provider's error name: the request was understood and refused. Other keys, another bucket or other options are
 * needed.
 */
const CAUSES: Readonly<Record<string, RefusalCause>> = {
  AccessControlListNotSupported: "unsupported_option",
  AccessDenied: "access_denied",
  AccountBeingCreated: "account_problem",
  AccountIsDisabled: "account_problem",
  AccountProblem: "account_problem",
  AllAccessDisabled: "access_denied",
  AuthenticationFailed: "wrong_credentials",
  AuthorizationFailure: "access_denied",
  AuthorizationHeaderMalformed: "wrong_region",
  AuthorizationPermissionMismatch: "access_denied",
  AuthorizationResourceTypeMismatch: "access_denied",
  AuthorizationServiceMismatch: "access_denied",
  BlobArchived: "immutable",
  BlobImmutableDueToPolicy: "immutable",
  ContainerDisabled: "account_problem",
  ContainerNotFound: "no_bucket",
  ExpiredToken: "expired",
  IllegalLocationConstraintException: "wrong_region",
  InsufficientAccountPermissions: "access_denied",
  InvalidAccessKeyId: "unknown_key",
  InvalidAuthenticationInfo: "wrong_credentials",
  InvalidBlobTier: "unsupported_option",
  InvalidBucketName: "bad_name",
  InvalidEncryptionAlgorithmError: "unsupported_option",
  InvalidEncryptionRequest: "unsupported_option",
  InvalidRegion: "wrong_region",
  InvalidRegionName: "wrong_region",
  InvalidResourceName: "bad_name",
  InvalidSecurity: "access_denied",
  InvalidStorageClass: "unsupported_option",
  InvalidTag: "unsupported_option",
  InvalidToken: "temporary_token",
  "KMS.DisabledException": "unsupported_option",
  "KMS.KMSInvalidStateException": "unsupported_option",
  "KMS.NotFoundException": "unsupported_option",
  KeyTooLongError: "long_key",
  LeaseIdMissing: "immutable",
  MethodNotAllowed: "not_a_storage",
  NoSuchBucket: "no_bucket",
  NotSignedUp: "account_problem",
  PermanentRedirect: "wrong_region",
  QuotaExceeded: "full",
  RequestExpired: "clock",
  RequestTimeTooSkewed: "clock",
  SignatureDoesNotMatch: "wrong_secret",
  TemporaryRedirect: "wrong_region",
  TokenRefreshRequired: "expired",
  Unauthorized: "unknown_key",
  UserDisable: "account_problem",
  UserProjectAccountProblem: "account_problem",
  accessNotConfigured: "api_disabled",
  activeItemCreationLimitExceeded: "full",
  appNotAuthorizedToFile: "access_denied",
  authError: "wrong_credentials",
  cannotAddParent: "access_denied",
  domainPolicy: "access_denied",
  fileWriterTeamDriveMoveInDisabled: "access_denied",
  forbidden: "access_denied",
  insufficientFilePermissions: "access_denied",
  insufficientParentPermissions: "access_denied",
  insufficientPermissions: "access_denied",
  invalid_client: "unknown_service_account",
  invalid_grant: "wrong_grant",
  myDriveHierarchyDepthLimitExceeded: "long_key",
  notFound: "no_bucket",
  numChildrenInNonRootLimitExceeded: "full",
  sharingNotSupported: "access_denied",
  storageQuotaExceeded: "full",
  teamDriveFileLimitExceeded: "full",
  teamDriveHierarchyTooDeep: "long_key",
  teamDriveMembershipRequired: "access_denied",
  uploadTooLarge: "full",
  unauthorized_client: "unknown_service_account",
};

/**
 * Temporary errors, although they come with status 400 or 403, or in the body of a 200. Drive reports rate limits with
 * a 403.
 */
const PASSING: ReadonlySet<string> = new Set([
  // the bytes were damaged in transit; OSS calls it InvalidDigest
  "BadDigest",
  "InvalidDigest",
  "Md5Mismatch",
  "XAmzContentChecksumMismatch",
  "InternalError",
  "OperationAborted",
  "OperationTimedOut",
  "RequestTimeout",
  "ServerBusy",
  "ServiceUnavailable",
  "SlowDown",
  "Throttling",
  "backendError",
  "dailyLimitExceeded",
  "internalError",
  "rateLimitExceeded",
  "sharingRateLimitExceeded",
  "transientError",
  "userRateLimitExceeded",
]);

/** Error names that mean that the whole bucket is missing, not an object in it. */
const MISSING_BUCKET: ReadonlySet<string> = new Set(["NoSuchBucket", "ContainerNotFound"]);

/** The cause that an error name stands for; undefined if the name does not state one. */
export const causeOf = (code: string): RefusalCause | undefined =>
  Object.hasOwn(CAUSES, code) ? CAUSES[code] : undefined;

/** A missing bucket is not a missing object, although both are reported with 404. */
export const isMissingBucket = (code: string): boolean => MISSING_BUCKET.has(code);

/**
 * What an error response means for its request:
 * - `refused`: the credentials, the bucket or the options are wrong; only the caller can change that;
 * - `passing`: the same request may succeed later;
 * - `failed`: the same request would fail again.
 *
 * @example judgeAnswer({ status: 503, code: "SlowDown" }) // "passing"
 */
export function judgeAnswer({
  status,
  code,
}: Pick<ProviderError, "status" | "code">): "refused" | "passing" | "failed" {
  if (PASSING.has(code)) return "passing";
  // a bucket in another region redirects; the same signature would not be valid there
  const isRedirect = status >= 300 && status < 400;
  if (causeOf(code) || status === 401 || status === 403 || isRedirect) return "refused";
  const passes = status === 408 || status === 429 || (status >= 500 && status !== 501);
  return passes ? "passing" : "failed";
}

/** An error response as received. */
export interface ErrorAnswer {
  /** 200 if the error came in the body of a success. */
  readonly status: number;
  /** A response header by its lower-case name. */
  readonly header: (name: string) => string | null | undefined;
  /** The body, or at least its beginning. */
  readonly text: string;
}

/** Of a host's name. */
const MAX_HOST_LENGTH = 255;

/**
 * Reads an error response of any provider: the XML of S3, OSS, Google and Azure, Azure's header, Google's JSON.
 *
 * @example readProviderError({ status: 403, header: () => null, text: "<Error><Code>AccessDenied</Code></Error>" }).code
 *   // "AccessDenied"
 */
export function readProviderError({ status, header, text }: ErrorAnswer): ProviderError {
  const json = readJson(text);
  const reported = (name: string) => xmlText(text, name)?.trim();
  const code = [reported("Code"), header("x-ms-error-code"), json.code].find(isName) ?? "";
  const message = [reported("AuthenticationErrorDetail"), reported("Message"), json.message]
    .filter((part) => part !== undefined && part !== "")
    .join(" ");
  const region = [
    reported("Region"),
    header("x-amz-bucket-region"),
    /expecting '([a-z0-9-]+)'/.exec(message)?.[1],
    // endpoints contain their region: s3.eu-west-1.amazonaws.com, oss-cn-beijing.aliyuncs.com
    /^(?:.*\.)?(?:s3[.-]|oss-)([a-z0-9-]+)\.(?:amazonaws|aliyuncs)\.com/.exec(
      (reported("Endpoint") ?? "").slice(0, MAX_HOST_LENGTH),
    )?.[1],
  ].find(isRegion);
  const permission = causeOf(code) === "access_denied" ? namedPermission(text) : null;
  return { status, code, message, region: region ?? null, permission };
}

const isName = (text: string | null | undefined): text is string => /^[A-Za-z][\w.-]{1,60}$/.test(text ?? "");
const isRegion = (text: string | null | undefined): text is string => /^[a-z0-9-]{2,40}$/.test(text ?? "");

/** Google's two shapes: `{ error: { errors: [{ reason }], message } }` and `{ error, error_description }`. */
function readJson(text: string): { code?: string; message?: string } {
  try {
    const { error, error_description } = JSON.parse(text) as {
      error?: string | { message?: string; errors?: { reason?: string }[] };
      error_description?: string;
    };
    if (typeof error === "string") return { code: error, message: String(error_description ?? "") };
    return { code: String(error?.errors?.[0]?.reason ?? ""), message: String(error?.message ?? "") };
  } catch {
    return {};
  }
}
