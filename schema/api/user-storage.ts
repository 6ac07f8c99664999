import { z } from "zod";
import { Time } from "../ids.ts";
import { Adjustment } from "../media.ts";
import { type Endpoint, MAX_BODY_BYTES } from "./endpoint.ts";
import { BlobStorage, GcsStorage, GdriveStorage, OssStorage, PROVIDERS, S3Storage } from "./storage.ts";

/** An account's own storage, used by all its jobs that send no inline storage. */

const text = z.string().nullable();

export const SavedStorage = z
  .object({
    message: z.string().meta({ example: "S3 storage configured successfully" }),
    provider: z.enum(PROVIDERS),
    container_or_bucket: z.string().describe("At Google Drive: the folder"),
    folder_prefix: z.string().optional(),
    adjustments: z.array(Adjustment).optional().describe("Present if the credentials lack a permission"),
  })
  .meta({ id: "SavedStorage" });
export type SavedStorage = z.infer<typeof SavedStorage>;

/** Response of `POST /user/storage/test`. */
export const TestedStorage = z
  .object({
    message: z.string().meta({ example: "S3 storage works: a small object was written and deleted" }),
    provider: z.enum(PROVIDERS),
    container_or_bucket: z.string(),
    folder_prefix: z.string().optional(),
    adjustments: z.array(Adjustment).optional().describe("Present if the credentials lack a permission"),
  })
  .meta({ id: "TestedStorage" });
export type TestedStorage = z.infer<typeof TestedStorage>;

export const StorageView = z
  .object({
    configured: z.boolean().describe("Whether the account's storage is of this provider"),
    source: z
      .enum(["account", "managed"])
      .describe(
        "Where jobs without inline storage deliver to: the account's own storage, of whatever provider, or the managed bucket",
      ),
    provider: z.enum(PROVIDERS),
    container_or_bucket: text,
    endpoint: text,
    region: text,
    folder_prefix: text,
    base_folder: text,
    access_key_masked: text.meta({ example: "****ABCD" }),
    last_modified: Time.nullable(),
  })
  .meta({ id: "StorageView" });
export type StorageView = z.infer<typeof StorageView>;

export const RemovedStorage = z.object({ message: z.string() }).meta({ id: "RemovedStorage" });

/** Response of `POST /admin/reseal`. */
export const Resealed = z
  .object({
    key_id: z.string().describe("The newest key"),
    resealed: z.int().min(0).describe("Number of secrets that this call resealed"),
    unreadable: z.int().min(0).describe("Number of secrets that none of the keys opens"),
    done: z.boolean().describe("If false, more may be left: call again"),
  })
  .meta({ id: "Resealed" });

/** Members of every request that sets a storage, next to those of the storage itself. */
const forAccount = {
  apply_to_all_keys: z
    .boolean()
    .optional()
    .describe("Has no effect: the storage belongs to the account, so it always applies to all keys"),
};

const set = <const P extends `/user/${string}`, S extends z.ZodType>(path: P, schema: S) => ({
  method: "POST" as const,
  path,
  auth: "key" as const,
  scope: "storage" as const,
  tag: "Account" as const,
  summary: "Set the account's storage; it replaces the one set before",
  body: { schema, required: true, maxBytes: MAX_BODY_BYTES },
  responses: { 200: { description: "Verified and set", schema: SavedStorage } },
  errors: ["invalid_request", "storage_verification_failed", "forbidden", "payload_too_large"] as const,
});

const get = <const P extends `/user/${string}`>(path: P) => ({
  method: "GET" as const,
  path,
  auth: "key" as const,
  scope: "storage" as const,
  tag: "Account" as const,
  summary: "Show the account's storage, its keys masked",
  responses: { 200: { description: "The storage", schema: StorageView } },
  errors: ["forbidden"] as const,
});

const remove = <const P extends `/user/${string}`>(path: P) => ({
  method: "DELETE" as const,
  path,
  auth: "key" as const,
  scope: "storage" as const,
  tag: "Account" as const,
  summary: "Remove the account's storage; the managed bucket is used again",
  responses: { 200: { description: "Removed", schema: RemovedStorage } },
  errors: ["forbidden", "not_found"] as const,
});

/** `/user/*` for storage, which may repeat the provider that the path names; `/user/bucket` is the older name of `/user/s3`. */
export const storageEndpoints = {
  testStorage: {
    method: "POST",
    path: "/user/storage/test",
    auth: "key",
    scope: "storage",
    tag: "Account",
    summary: "Write and delete a small object in the account's storage, with the stored credentials",
    safe: true,
    responses: { 200: { description: "The storage takes objects", schema: TestedStorage } },
    errors: ["storage_verification_failed", "forbidden", "not_found"],
  },
  setS3Storage: set("/user/s3", S3Storage.extend({ provider: z.literal("s3").optional(), ...forAccount })),
  getS3Storage: get("/user/s3"),
  removeS3Storage: remove("/user/s3"),
  setBucket: set("/user/bucket", S3Storage.extend({ provider: z.literal("s3").optional(), ...forAccount })),
  getBucket: get("/user/bucket"),
  removeBucket: remove("/user/bucket"),
  setBlobStorage: set(
    "/user/blob",
    BlobStorage.safeExtend({ provider: z.enum(["blob", "azure"]).optional(), ...forAccount }),
  ),
  getBlobStorage: get("/user/blob"),
  removeBlobStorage: remove("/user/blob"),
  setGcsStorage: set(
    "/user/gcs",
    GcsStorage.extend({ provider: z.literal("gcs").optional(), ...forAccount }),
  ),
  getGcsStorage: get("/user/gcs"),
  removeGcsStorage: remove("/user/gcs"),
  setOssStorage: set(
    "/user/oss",
    OssStorage.extend({ provider: z.literal("oss").optional(), ...forAccount }),
  ),
  getOssStorage: get("/user/oss"),
  removeOssStorage: remove("/user/oss"),
  setGdriveStorage: set(
    "/user/gdrive",
    GdriveStorage.extend({ provider: z.literal("gdrive").optional(), ...forAccount }),
  ),
  getGdriveStorage: get("/user/gdrive"),
  removeGdriveStorage: remove("/user/gdrive"),
} as const satisfies Record<string, Endpoint>;
