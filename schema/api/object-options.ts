import { z } from "zod";

/** What callers may ask of the objects in their storage, as far as their provider has it. */

const KMS_KEY = /^[\x21-\x7e]{1,2048}$/;
const MAX_TAGS = 10;

const text = z.string().trim();
const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: `must be one of ${values.join(", ")}` });
const kmsKey = (what: string) => text.regex(KMS_KEY, "must be the name of a key").optional().describe(what);
const sessionToken = text
  .regex(/^[\x21-\x7e]{1,8192}$/, "must be the token of temporary credentials")
  .optional()
  .describe("Of temporary credentials. It must hold until the job has ended");
const tags = z
  .record(z.string().min(1).max(128), z.string().max(256))
  .refine((given) => Object.keys(given).length <= MAX_TAGS, `must be at most ${MAX_TAGS} tags`)
  .optional()
  .describe(`Tags of each object, at most ${MAX_TAGS}`);

/** A member of other providers: it is refused and never ignored, since a caller relies on it. */
const unavailable = (reason: string) =>
  z
    .never({ error: `is not available at this provider: ${reason}` })
    .optional()
    .describe(`Not here: ${reason}`);

/** @example { "server_side_encryption": "aws:kms", "kms_key_id": "arn:aws:kms:eu-central-1:111122223333:key/1234abcd" } */
export const s3Options = {
  session_token: sessionToken,
  server_side_encryption: oneOf(["AES256", "aws:kms", "aws:kms:dsse"])
    .optional()
    .describe("Default: what the bucket does; `aws:kms` with a `kms_key_id`"),
  kms_key_id: kmsKey("The key's id or ARN; default: the service's own key"),
  storage_class: text
    .regex(/^[A-Z0-9_]{1,64}$/, "must be a storage class such as STANDARD_IA")
    .optional()
    .describe("`STANDARD_IA` …; default: that of the bucket"),
  acl: oneOf([
    "private",
    "public-read",
    "authenticated-read",
    "aws-exec-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
  ])
    .optional()
    .describe("Canned ACL; buckets without ACLs refuse it"),
  tags,
};

export const blobOptions = {
  session_token: unavailable("Azure has none; use sas_token for access that expires"),
  server_side_encryption: unavailable("Azure encrypts always; choose a key by encryption_scope"),
  kms_key_id: unavailable("Azure chooses keys by encryption_scope"),
  encryption_scope: text
    .regex(/^[A-Za-z0-9-]{3,63}$/, "must be the name of an encryption scope")
    .optional()
    .describe("Names the key that encrypts each blob"),
  storage_class: oneOf(["Hot", "Cool", "Cold", "Archive"])
    .optional()
    .describe("Access tier; default: that of the account"),
  acl: unavailable("Azure grants access by container"),
  tags,
};

export const gcsOptions = {
  session_token: unavailable("Google has none; a service account is enough"),
  server_side_encryption: unavailable("Google encrypts always; choose a key by kms_key_id"),
  kms_key_id: kmsKey("`projects/…/locations/…/keyRings/…/cryptoKeys/…`; default: that of the bucket"),
  storage_class: oneOf(["STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"])
    .optional()
    .describe("Default: that of the bucket"),
  acl: oneOf([
    "private",
    "project-private",
    "authenticated-read",
    "public-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
  ])
    .optional()
    .describe("Predefined ACL; buckets with uniform access refuse it"),
  tags: unavailable("objects of Google Cloud Storage have no tags"),
};

export const ossOptions = {
  session_token: sessionToken,
  server_side_encryption: oneOf(["AES256", "KMS", "SM4"])
    .optional()
    .describe("Default: what the bucket does; `KMS` with a `kms_key_id`"),
  kms_key_id: kmsKey("Default: the service's own key"),
  storage_class: oneOf(["Standard", "IA", "Archive", "ColdArchive", "DeepColdArchive"])
    .optional()
    .describe("Default: that of the bucket"),
  acl: oneOf(["private", "public-read"]).optional().describe("Default: that of the bucket"),
  tags,
};
