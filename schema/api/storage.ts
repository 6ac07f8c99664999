import "../messages.ts";
import { z } from "zod";
import { isWholeText } from "../text.ts";
import { blobOptions, gcsOptions, ossOptions, s3Options } from "./object-options.ts";

/** Storage credentials as callers send them: one flat object tagged by `provider`. */

const folder = (what: string) =>
  z
    .string()
    .max(200, `must be at most 200 characters`)
    .refine(...isWholeText)
    .optional()
    .describe(what);
const text = (max: number) =>
  z.string().trim().min(1, "must not be empty").max(max, `must be at most ${max} characters`);
const endpoint = z.url({ protocol: /^https?$/, error: "must be an http or https URL" }).max(2048);

const shared = {
  folder_prefix: folder("Folder below base_folder, for every object of this storage"),
  base_folder: folder("First folder of every object key; default `videos`"),
};

/** @example { "provider": "s3", "endpoint": "https://s3.eu-central-1.amazonaws.com", "bucket": "b", "region": "eu-central-1", "access_key": "AKIA…", "secret_key": "…" } */
export const S3Storage = z.object({
  endpoint,
  bucket: text(255),
  region: text(64).describe("`auto` for R2"),
  access_key: text(256),
  secret_key: text(1024),
  ...s3Options,
  ...shared,
});

const blobMembers = {
  account_name: text(255),
  container: text(255),
  account_key: text(1024).describe("Base64").optional(),
  sas_token: text(4096).optional(),
  endpoint: endpoint.optional(),
  ...blobOptions,
  ...shared,
};
const exactlyOneSecret = (value: { account_key?: string | undefined; sas_token?: string | undefined }) =>
  (value.account_key === undefined) !== (value.sas_token === undefined);
const ONE_SECRET = { path: ["account_key"], error: "Exactly one of account_key and sas_token is required" };

export const BlobStorage = z.object(blobMembers).refine(exactlyOneSecret, ONE_SECRET);

export const GcsStorage = z.object({
  project_id: text(255),
  bucket: text(255),
  service_account_json: text(16_384).describe("The service account's JSON, or Base64 of it"),
  endpoint: endpoint.optional(),
  ...gcsOptions,
  ...shared,
});

export const OssStorage = z.object({
  endpoint,
  bucket: text(255),
  access_key_id: text(256),
  access_key_secret: text(1024),
  ...ossOptions,
  ...shared,
});

/** Storage of an account alone: a job cannot bring it. */
export const GdriveStorage = z.object({
  service_account_json: text(16_384).describe("The service account's JSON, or Base64 of it"),
  folder_id: z
    .string()
    .trim()
    .max(2048, "must be at most 2048 characters")
    .default("")
    .describe(
      "The id of a folder or shared drive that is shared with the service account, or the folder's address; empty: the root of the service account's own Drive",
    )
    .meta({ example: "1AbCdEfGhIjKlMnOpQrStUvWxYz012345" }),
  share_links: z
    .boolean()
    .default(false)
    .describe(
      "Lets everybody who has the link read each delivered file, so that `s3_url` is a link; such links do not expire",
    ),
  endpoint: endpoint.optional().describe("Of Drive's API, where a proxy stands in front of it"),
  ...shared,
});

const blob = z.object({ ...blobMembers, provider: z.literal("blob") });
const providers = z.discriminatedUnion(
  "provider",
  [
    S3Storage.extend({ provider: z.literal("s3") }),
    blob.refine(exactlyOneSecret, ONE_SECRET),
    GcsStorage.extend({ provider: z.literal("gcs") }),
    OssStorage.extend({ provider: z.literal("oss") }),
  ],
  { error: ({ input }) => (isGdrive(input) ? ACCOUNT_ONLY : "must be one of s3, blob, gcs, oss") },
);
const ACCOUNT_ONLY =
  "gdrive is storage of an account: set it once by POST /user/gdrive and leave storage out";
type SentStorage =
  | z.input<typeof providers>
  | (Omit<z.input<typeof blob>, "provider"> & { provider: "azure" });

/** Inline storage of a job. `azure` is an alias of `blob`. */
export const InlineStorage = z
  .preprocess((sent: SentStorage) => (isAzure(sent) ? { ...sent, provider: "blob" } : sent), providers)
  .meta({ id: "InlineStorage" });
export type InlineStorage = z.infer<typeof InlineStorage>;

/** Storage of an account, as it is sealed: any that a job may bring, or Google Drive. */
export const AccountStorage = z.union([
  GdriveStorage.extend({ provider: z.literal("gdrive") }),
  InlineStorage,
]);
export type AccountStorage = z.infer<typeof AccountStorage>;

/** Storage providers as jobs name them. */
export const PROVIDERS = ["s3", "blob", "gcs", "oss", "gdrive"] as const;
export type Provider = (typeof PROVIDERS)[number];

/** Providers whose storage a job may bring with it. */
export const INLINE_PROVIDERS: readonly Provider[] = PROVIDERS.filter((name) => name !== "gdrive");

/** Whose storage a job delivers to: the operator's, the account's, or one that was sent with the request. */
export const STORAGE_SOURCES = ["managed", "account", "inline"] as const;
export type StorageSource = (typeof STORAGE_SOURCES)[number];

/** First folder of every key if the storage names none. */
export const DEFAULT_BASE_FOLDER = "videos";

function isAzure(value: unknown): value is { provider: "azure" } {
  return providerOf(value) === "azure";
}

const isGdrive = (value: unknown): boolean => providerOf(value) === "gdrive";

const providerOf = (value: unknown): unknown =>
  typeof value === "object" && value !== null && "provider" in value ? value.provider : undefined;
