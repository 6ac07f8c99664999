import {
  BlobStorage,
  GcsStorage,
  GdriveStorage,
  OssStorage,
  S3Storage,
} from "../../../../schema/api/storage.ts";

/** What each provider's storage consists of. */
export const STORAGE_SCHEMAS = {
  s3: S3Storage,
  blob: BlobStorage,
  gcs: GcsStorage,
  oss: OssStorage,
  gdrive: GdriveStorage,
} as const;
