import { z } from "zod";
import { type AllowedHosts, isOpened, portOf } from "../address.ts";
import type { AccountStorage, InlineStorage } from "../api/storage.ts";
import { withoutTrailing } from "../text.ts";
import type { StorageTarget } from "../wire/run.ts";

/** Storage credentials that cannot be valid, whatever the provider would say. The message is safe to show. */
export class StorageTargetError extends Error {
  override readonly name = "StorageTargetError";
  /** The invalid member of the storage. @example "service_account_json" */
  readonly field: string;

  constructor(field: string, message: string) {
    super(`${field} ${message}`);
    this.field = field;
  }
}

type S3 = Extract<InlineStorage, { provider: "s3" }>;
type Blob = Extract<InlineStorage, { provider: "blob" }>;
type Gcs = Extract<InlineStorage, { provider: "gcs" }>;
type Oss = Extract<InlineStorage, { provider: "oss" }>;
type Gdrive = Extract<AccountStorage, { provider: "gdrive" }>;
type Target<P extends StorageTarget["provider"]> = Extract<StorageTarget, { provider: P }>;

/** Services that require or prefer the bucket name in the host. */
const VIRTUAL_HOSTS = /(^|\.)(amazonaws\.com(\.cn)?|aliyuncs\.com|myqcloud\.com)$/;
/** Google's own token endpoints. A caller's key file must not name another one. */
const TOKEN_HOSTS: ReadonlySet<string> = new Set([
  "oauth2.googleapis.com",
  "accounts.google.com",
  "www.googleapis.com",
]);
const GOOGLE_TOKEN_URI = "https://oauth2.googleapis.com/token";
const GOOGLE_ENDPOINT = "https://storage.googleapis.com";
const DRIVE_ENDPOINT = "https://www.googleapis.com";
/** The region to sign for if the endpoint contains none. */
const DEFAULT_OSS_REGION = "cn-hangzhou";

/**
 * Everything that a run and the Worker need to reach a caller's storage: defaults filled in, spellings normalized, keys
 * parsed. It makes no request, and does not check whether the endpoint may be dialled.
 *
 * @param opened private hosts that the operator allows; they may also issue tokens
 * @throws StorageTargetError if a member cannot be valid
 * @example targetOf({ provider: "blob", account_name: "acme", container: "media", sas_token: "?sv=…" }).endpoint
 *   // "https://acme.blob.core.windows.net"
 */
export function targetOf(storage: AccountStorage, opened: AllowedHosts = new Set()): StorageTarget {
  switch (storage.provider) {
    case "s3":
      return s3Target(storage);
    case "blob":
      return blobTarget(storage);
    case "gcs":
      return gcsTarget(storage, opened);
    case "oss":
      return ossTarget(storage);
    case "gdrive":
      return gdriveTarget(storage, opened);
  }
}

/** The requested object options; absent if there are none. */
function optionsOf(storage: InlineStorage): Pick<StorageTarget, "options"> {
  const { kms_key_id, storage_class, acl, tags, server_side_encryption } = storage;
  const encryption_scope = "encryption_scope" in storage ? storage.encryption_scope : undefined;
  const options = { server_side_encryption, kms_key_id, encryption_scope, storage_class, acl, tags };
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return given.length === 0 ? {} : { options: Object.fromEntries(given) };
}

/** A KMS key implies encryption with it. */
function encryptionOf<T extends string>(
  {
    server_side_encryption,
    kms_key_id,
  }: { server_side_encryption?: T | undefined; kms_key_id?: string | undefined },
  byKms: T,
): { server_side_encryption?: T } {
  const encryption = server_side_encryption ?? (kms_key_id === undefined ? undefined : byKms);
  if (kms_key_id !== undefined && !encryption?.startsWith(byKms)) {
    throw new StorageTargetError("kms_key_id", `needs server_side_encryption to be ${byKms}`);
  }
  return encryption === undefined ? {} : { server_side_encryption: encryption };
}

const tokenOf = ({ session_token }: { session_token?: string | undefined }) =>
  session_token === undefined ? {} : { session_token };

function s3Target(storage: S3): Target<"s3"> {
  const { endpoint, bucket, region, access_key, secret_key } = storage;
  const url = new URL(endpoint);
  const named = withoutBucket(url, bucket);
  // A certificate for *.example.com does not cover a bucket name with a dot.
  const byHost =
    named || (VIRTUAL_HOSTS.test(url.hostname) && (url.protocol === "http:" || !/\./.test(bucket)));
  return {
    provider: "s3",
    endpoint: withoutSlash(url),
    ...{ bucket, region, access_key, secret_key, ...tokenOf(storage) },
    ...optionsOf({ ...storage, ...encryptionOf(storage, "aws:kms") }),
    addressing: byHost ? "virtual" : "path",
    managed: false,
  };
}

function blobTarget(storage: Blob): Target<"blob"> {
  const { endpoint, account_name, container, account_key, sas_token } = storage;
  const given = endpoint ?? `https://${account_name}.blob.core.windows.net`;
  if (!URL.canParse(given)) throw new StorageTargetError("account_name", "cannot be part of a host name");
  return {
    provider: "blob",
    endpoint: withoutSlash(new URL(given)),
    ...{ account_name, container },
    credential:
      account_key === undefined
        ? { sas_token: sharedAccessSignature(sas_token ?? "") }
        : { account_key: accountKey(account_key) },
    ...optionsOf(storage),
    managed: false,
  };
}

function accountKey(text: string): string {
  if (decodeBase64(text) === null) throw new StorageTargetError("account_key", "is not Base64");
  return text;
}

function sharedAccessSignature(text: string): string {
  const token = text.replace(/^\?/, "");
  if (!new URLSearchParams(token).has("sig")) {
    throw new StorageTargetError(
      "sas_token",
      "has no signature (sig); paste the token, not the connection string",
    );
  }
  return token;
}

function gcsTarget(storage: Gcs, opened: AllowedHosts): Target<"gcs"> {
  return {
    provider: "gcs",
    endpoint: withoutSlash(new URL(storage.endpoint ?? GOOGLE_ENDPOINT)),
    bucket: storage.bucket,
    service_account: {
      ...serviceAccount(storage.service_account_json, opened),
      project_id: storage.project_id,
    },
    ...optionsOf(storage),
    managed: false,
  };
}

const PEM = /^\s*-----BEGIN (RSA )?PRIVATE KEY-----[\s\S]+-----END (RSA )?PRIVATE KEY-----\s*$/;
const KEY_FILE = z.looseObject({
  type: z.string().optional(),
  client_email: z.string().includes("@"),
  private_key: z
    .string()
    // Keys that were copied through an environment variable or a form often contain escaped line breaks.
    .transform((text) => text.replaceAll("\\n", "\n"))
    .pipe(z.string().regex(PEM)),
  token_uri: z.url().optional(),
  project_id: z.string().optional(),
});

function serviceAccount(service_account_json: string, opened: AllowedHosts) {
  const wrong = (message: string) => new StorageTargetError("service_account_json", message);
  const file = keyFile(service_account_json);
  if (file === null) throw wrong("is neither JSON nor Base64 of JSON");
  const parsed = KEY_FILE.safeParse(file);
  if (typeof file.type === "string" && file.type !== "service_account") {
    throw wrong(`is a key of type "${file.type.slice(0, 40)}", not "service_account"`);
  }
  if (!parsed.success) throw wrong(`has no valid ${String(parsed.error.issues[0]?.path[0])}`);
  const { client_email, private_key, token_uri = GOOGLE_TOKEN_URI } = parsed.data;
  const issuer = new URL(token_uri);
  const google = issuer.protocol === "https:" && issuer.port === "" && TOKEN_HOSTS.has(issuer.hostname);
  if (!google && !isOpened(issuer.hostname, portOf(issuer), opened)) {
    throw wrong("names a token_uri that is not Google's");
  }
  return { client_email, private_key, token_uri };
}

function keyFile(text: string): Record<string, unknown> | null {
  return jsonObject(text) ?? jsonObject(decodeBase64(text) ?? "");
}

function jsonObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}

function ossTarget(storage: Oss): Target<"oss"> {
  const { endpoint, bucket, access_key_id, access_key_secret } = storage;
  const url = new URL(endpoint);
  withoutBucket(url, bucket);
  const region = /^oss-([a-z0-9-]+?)(-internal)?\./.exec(url.hostname)?.[1] ?? DEFAULT_OSS_REGION;
  return {
    provider: "oss",
    endpoint: withoutSlash(url),
    ...{ bucket, region, access_key_id, access_key_secret, ...tokenOf(storage) },
    ...optionsOf({ ...storage, ...encryptionOf(storage, "KMS") }),
    managed: false,
  };
}

function gdriveTarget(storage: Gdrive, opened: AllowedHosts): Target<"gdrive"> {
  return {
    provider: "gdrive",
    endpoint: withoutSlash(new URL(storage.endpoint ?? DRIVE_ENDPOINT)),
    folder_id: folderId(storage.folder_id),
    share_links: storage.share_links,
    service_account: serviceAccount(storage.service_account_json, opened),
    managed: false,
  };
}

/** The id in the address of a folder or shared drive, as browsers show it. */
const FOLDER_ADDRESS = /^https:\/\/drive\.google\.com\/(?:.*\/)?(?:folders|drives)\/([\w-]+)/;

/** Drive's alias of the root folder also means the root. */
function folderId(text: string): string {
  const id = FOLDER_ADDRESS.exec(text)?.[1] ?? text;
  if (!/^[\w-]*$/.test(id) || id.length > 255) {
    throw new StorageTargetError(
      "folder_id",
      "is neither the id nor the address of a folder of Google Drive",
    );
  }
  return id === "root" ? "" : id;
}

/** Prefixes of endpoint hosts that may follow a bucket name. */
const BUCKETLESS_HOST = /^(s3|oss|cos)[.-]/;

/** Removes the bucket from the host of an endpoint that was copied together with it. */
function withoutBucket(url: URL, bucket: string): boolean {
  const front = `${bucket.toLowerCase()}.`;
  const rest = url.hostname.slice(front.length);
  if (!url.hostname.startsWith(front) || !BUCKETLESS_HOST.test(rest)) return false;
  url.hostname = rest;
  return true;
}

/** Scheme, host and path. Other parts of a URL do not belong to an endpoint. */
const withoutSlash = (url: URL): string => `${url.origin}${withoutTrailing(url.pathname, "/")}`;

/** The decoded text of Base64, standard or URL-safe, with or without line breaks; null if it is not valid. */
function decodeBase64(text: string): string | null {
  const compact = text.replace(/\s/g, "").replaceAll("-", "+").replaceAll("_", "/");
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(compact)) return null;
  try {
    const bytes = Uint8Array.from(atob(compact), (character) => character.charCodeAt(0));
    return new TextDecoder().decode(bytes);
  } catch {
    return null;
  }
}
