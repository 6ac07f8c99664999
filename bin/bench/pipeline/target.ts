import type { S3Target } from "../../../schema/wire/run.ts";

/** The buckets of the null server. */
export type Bucket = "fast" | "shaped";

/** A bucket as runs see it. */
export const targetOf = (endpoint: string, bucket: Bucket): S3Target => ({
  ...{ provider: "s3", endpoint, bucket, region: "us-east-1", addressing: "path", managed: true },
  ...{ access_key: "bench", secret_key: "bench-secret" },
});
