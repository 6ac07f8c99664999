import { withoutTrailing } from "../text.ts";
import type { StorageTarget } from "../wire/run.ts";
import { encodeKey, encodeSegment, type Query, queryString } from "./object-path.ts";

/** The target of one provider. */
export type TargetOf<P extends StorageTarget["provider"]> = Extract<StorageTarget, { provider: P }>;

/** The part of a target that locates its bucket. */
export type PlacedTarget =
  | Pick<TargetOf<"s3">, "provider" | "endpoint" | "bucket" | "addressing">
  | Pick<TargetOf<"blob">, "provider" | "endpoint" | "container">
  | Pick<TargetOf<"gcs" | "oss">, "provider" | "endpoint" | "bucket">
  | Pick<TargetOf<"gdrive">, "provider" | "endpoint" | "folder_id" | "service_account">;

/** Bucket, container or folder. Each service account has a root of its own, which has no id that others know. */
export function bucketOf(target: PlacedTarget): string {
  switch (target.provider) {
    case "blob":
      return target.container;
    case "gdrive":
      return target.folder_id === "" ? `root of ${target.service_account.client_email}` : target.folder_id;
    default:
      return target.bucket;
  }
}

/** Identifies the place of a target, whatever its credentials. @example "s3 https://s3.example.com media" */
export const placeOf = (target: PlacedTarget): string =>
  `${target.provider} ${target.endpoint} ${bucketOf(target)}`;

/** Where a bucket is reached. */
export interface BucketAddress {
  /** Scheme, host and an optional path in front of the bucket. @example "https://s3.eu-central-1.amazonaws.com" */
  readonly endpoint: string;
  /** Bucket or container. */
  readonly bucket: string;
  /** `path`: `endpoint/bucket/key`; `virtual`: `bucket.endpoint/key`. */
  readonly addressing: "path" | "virtual";
}

/** How the bucket of a target is addressed: by its host at OSS, by its path at Google and Azure. */
export function addressOf(target: PlacedTarget): BucketAddress {
  const { endpoint } = target;
  const bucket = bucketOf(target);
  if (target.provider === "s3") return { endpoint, bucket, addressing: target.addressing };
  return { endpoint, bucket, addressing: target.provider === "oss" ? "virtual" : "path" };
}

/**
 * The URL of a bucket, without a trailing slash. An endpoint whose host is an IP address cannot carry a bucket name, so
 * it is the bucket's own.
 *
 * @example bucketUrl({ endpoint: "https://oss-cn-hangzhou.aliyuncs.com", bucket: "media", addressing: "virtual" })
 *   // "https://media.oss-cn-hangzhou.aliyuncs.com"
 */
export function bucketUrl({ endpoint, bucket, addressing }: BucketAddress): string {
  const { protocol, host, hostname, pathname } = new URL(endpoint);
  const folder = withoutTrailing(pathname, "/");
  if (addressing === "path") return `${protocol}//${host}${folder}/${encodeSegment(bucket)}`;
  const isNumeric = /^(\d+\.){3}\d+$|^\[/.test(hostname);
  return `${protocol}//${isNumeric ? host : `${bucket}.${host}`}${folder}`;
}

/**
 * The URL of an object, exactly as it is signed and sent; of the bucket itself for an empty key.
 *
 * @throws ObjectKeyError for a key with a dot segment
 * @example objectUrl({ endpoint: "https://s3.example.com", bucket: "media", addressing: "path" }, "a b.mp4", { uploads: "" })
 *   // "https://s3.example.com/media/a%20b.mp4?uploads="
 */
export function objectUrl(address: BucketAddress, key: string, query: Query = {}): string {
  const search = queryString(query);
  // a container of Azure has no trailing slash
  const path = key === "" && address.addressing === "path" ? "" : `/${encodeKey(key)}`;
  return `${bucketUrl(address)}${path}${search === "" ? "" : `?${search}`}`;
}
