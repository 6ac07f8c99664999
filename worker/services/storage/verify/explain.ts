import { addressOf, bucketOf, bucketUrl, type TargetOf } from "../../../../schema/storage/address.ts";
import { givenOptions, optionsOf } from "../../../../schema/storage/object-options.ts";
import { causeOf, judgeAnswer, type RefusalCause } from "../../../../schema/storage/refusals.ts";
import type { StorageTarget } from "../../../../schema/wire/run.ts";
import type { StorageNetwork, StorageRefusedError } from "../http.ts";

/**
 * Sentences about failures of a caller's storage. They are written here and never copied from a response, which may
 * contain anything: only error names and regions are repeated.
 */

interface Facts {
  readonly refusal: StorageRefusedError;
  readonly target: StorageTarget;
  /** Where the object was to be written, in words. */
  readonly where: string;
}

type Explain = (facts: Facts) => string;

const wrongRegion: Explain = ({ refusal: { region }, target }) => {
  const signed = "region" in target ? ` and not in ${target.region}` : "";
  return region
    ? `the bucket is in region ${region}${signed}`
    : "the bucket is in another region or at another endpoint";
};
const noBucket: Explain = ({ target }) =>
  target.provider === "gdrive"
    ? `${target.service_account.client_email} finds no folder ${target.folder_id}; share the folder with this address, and check folder_id`
    : `there is no ${target.provider === "blob" ? "container" : "bucket"} named ${bucketOf(target)} at this endpoint`;
const accessDenied: Explain = ({ refusal: { permission }, where, target }) => {
  if (target.provider === "gdrive") {
    return `${target.service_account.client_email} may not write ${where}; share the folder with this address as Editor, in a shared drive as Content manager`;
  }
  const missing = permission === null ? "" : ` (they lack ${permission})`;
  return `the credentials may not write ${where}${missing}${policyHint(target)}`;
};
/** Files that a service account makes outside of shared drives count against its own quota, which is nothing. */
const full: Explain = ({ refusal: { code }, target }) => {
  if (target.provider !== "gdrive") return "the storage is full";
  if (code !== "storageQuotaExceeded") return "the folder or shared drive takes no more files";
  return "the Drive is full, or the folder is in somebody's My Drive, where a service account may store nothing; use a folder of a shared drive";
};

/** A bucket policy may require or forbid a header. Providers report that as a missing permission. */
function policyHint(target: StorageTarget): string {
  const given = givenOptions(target).map(inWords);
  if (given.length > 0) return `, or not with ${given.join(", ")}`;
  return `; a policy of the bucket may demand a header, which ${optionsOf(target.provider).join(", ")} set`;
}

const inWords = ({ option, header }: ReturnType<typeof givenOptions>[number]): string =>
  `${option} (${header})`;

const WRONG_CLOCK = "the clocks of this service and of the storage differ too much";
const unknownKey: Explain = ({ target }) => {
  if (target.provider === "s3" && isTemporary(target)) {
    return "the storage does not know this access_key; it is a temporary one, which needs its session_token";
  }
  return `the storage does not know this ${target.provider === "oss" ? "access_key_id" : "access_key"}`;
};
/** Prefixes of temporary access keys at AWS and Alibaba. */
const isTemporary = ({ access_key, session_token }: TargetOf<"s3">): boolean =>
  access_key.startsWith("ASIA") && session_token === undefined;
const wrongSecret: Explain = ({ target }) =>
  target.provider === "oss"
    ? "the access_key_secret does not belong to this access_key_id"
    : "the secret_key does not belong to this access_key";
const badName: Explain = ({ target }) =>
  `${target.provider === "blob" ? "the container" : "the bucket"} cannot have this name`;

const BY_CAUSE: Readonly<Record<RefusalCause, Explain>> = {
  access_denied: accessDenied,
  account_problem: () =>
    "the account behind this bucket is disabled or has a problem at the provider, such as an unpaid bill",
  api_disabled: () =>
    "the Google Drive API is not enabled in the project of this service account; enable it in Google's console",
  bad_name: badName,
  clock: () => WRONG_CLOCK,
  expired: () => "the credentials have expired",
  full,
  immutable: () => "an object that may not be changed is in the way",
  long_key: () => "the folder and name of the object are too long for this storage",
  no_bucket: noBucket,
  not_a_storage: () => NOT_A_STORAGE,
  temporary_token: ({ target }) =>
    "session_token" in target
      ? "the session_token is wrong, belongs to other credentials or has expired"
      : "the credentials are temporary ones without their session_token, or have expired",
  unknown_key: unknownKey,
  unknown_service_account: () => "Google does not know this service account",
  unsupported_option: ({ target }) => {
    const given = givenOptions(target).map(inWords);
    return given.length === 0
      ? "the bucket refuses an option of the object"
      : `the bucket refuses an option of the object: ${given.join(", ")}`;
  },
  wrong_credentials: (facts) =>
    facts.target.provider === "gdrive" ? "Google does not accept the token" : azureAuthentication(facts),
  wrong_grant: googleGrant,
  wrong_region: wrongRegion,
  wrong_secret: wrongSecret,
};

/** Messages of the self-hosted platform about hosts that it cannot reach. */
const BY_PLATFORM: Readonly<Record<string, Explain>> = {
  NotPublic: () => "the host of the endpoint has a private address",
  UnknownHost: () => UNKNOWN_HOST,
  Unreachable: () => UNREACHABLE,
  TLS: () => NO_TLS,
};

/** By status, for errors without a known name. */
const BY_STATUS: Readonly<Record<number, Explain>> = {
  301: wrongRegion,
  302: wrongRegion,
  307: wrongRegion,
  308: wrongRegion,
  401: () => "the storage does not accept these credentials",
  403: accessDenied,
  404: noBucket,
  405: () => NOT_A_STORAGE,
  // Statuses of the network in front of the Worker for hosts that it cannot reach
  521: () => UNREACHABLE,
  522: () => UNREACHABLE,
  523: () => UNREACHABLE,
  525: () => NO_TLS,
  526: () => NO_TLS,
  530: () => UNKNOWN_HOST,
};

const NOT_A_STORAGE = "this endpoint does not take objects; is it the address of the storage?";
const UNKNOWN_HOST = "the host of the endpoint is not known";
const UNREACHABLE = "nobody answers at the endpoint";
const NO_TLS =
  "no trusted TLS connection to the endpoint could be made; check its certificate, port and http or https";
const BUSY = "the storage is not available right now; try again later";

/**
 * Explains why the provider refused.
 *
 * @param folder the prefix that was tried
 * @example "AuthorizationHeaderMalformed: the bucket is in region eu-west-1 and not in us-east-1"
 */
export function explainRefusal(refusal: StorageRefusedError, target: StorageTarget, folder: string): string {
  const { code } = refusal;
  const where = `below ${folder === "" ? "the root" : `${folder}/`} in ${bucketOf(target)}`;
  const otherwise = () => (judgeAnswer(refusal) === "passing" ? BUSY : "the storage refused the object");
  const explain = isElsewhere(refusal, target) ? wrongRegion : explanationOf(refusal);
  return `${code}: ${(explain ?? otherwise)({ refusal, target, where })}`;
}

function explanationOf({ code, status }: StorageRefusedError): Explain | undefined {
  const cause = causeOf(code);
  if (cause) return BY_CAUSE[cause];
  if (Object.hasOwn(BY_PLATFORM, code)) return BY_PLATFORM[code];
  // Drive names its limits of requests with a 403
  const isLimited = status === 403 && judgeAnswer({ status, code }) === "passing";
  return isLimited ? undefined : BY_STATUS[status];
}

/**
 * The provider reported another region than the request was signed for. Providers use different error names for this.
 */
const isElsewhere = ({ region, status }: StorageRefusedError, target: StorageTarget): boolean =>
  region !== null && status !== 404 && "region" in target && target.region !== region;

function azureAuthentication({ refusal: { detail }, target }: Facts): string {
  if (target.provider === "blob" && "sas_token" in target.credential) {
    if (/time frame|expir/i.test(detail)) return "the SAS token has expired or is not valid yet";
    return "the SAS token is not signed by a key of this account, or was changed";
  }
  if (/date header|clock|too old/i.test(detail)) return WRONG_CLOCK;
  return "the account_key does not belong to this account";
}

function googleGrant({ refusal: { detail } }: Facts): string {
  if (/signature/i.test(detail)) {
    return "the private_key in service_account_json is not, or no longer, a key of this service account";
  }
  if (/iat|exp|short-lived|time/i.test(detail)) return WRONG_CLOCK;
  return "Google does not know the client_email in service_account_json";
}

/**
 * Explains why there was no response. The platform does not say whether the name was unknown or TLS failed. A second,
 * plain HTTP request to the same host and port distinguishes them: it succeeds in connecting if the name exists.
 */
export async function explainNoResponse(
  error: unknown,
  target: StorageTarget,
  network: StorageNetwork,
): Promise<string> {
  if (error instanceof DOMException && error.name === "DataError") {
    return "MalformedKey: the private_key in service_account_json is damaged";
  }
  if (isTimeout(error)) return "Timeout: the storage did not answer in time";
  if (!isHidden(error)) return `Unreachable: ${UNREACHABLE}`;
  const url = new URL(bucketUrl(addressOf(target)));
  const plain = `http://${url.hostname}:${url.port || (url.protocol === "https:" ? "443" : "80")}/`;
  try {
    await (await network.fetch(plain, { redirect: "manual" })).body?.cancel();
  } catch (second) {
    if (isHidden(second)) return `UnknownHost: ${UNKNOWN_HOST}`;
  }
  return `TLS: ${NO_TLS}`;
}

const isTimeout = (error: unknown): boolean =>
  error instanceof Error && (error.name === "TimeoutError" || error.name === "AbortError");

/** For name resolution and TLS, the runtime reports only a reference into its own log. */
const isHidden = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith("internal error");
