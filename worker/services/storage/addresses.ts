import { withoutTrailing } from "../../../schema/text.ts";
import type { StorageTarget } from "../../../schema/wire/run.ts";

/** The target of one provider. */
export type TargetOf<P extends StorageTarget["provider"]> = Extract<StorageTarget, { provider: P }>;

/** Bucket or container. */
export const bucketOf = (target: StorageTarget): string =>
  target.provider === "blob" ? target.container : target.bucket;

/** Says whether two targets are the same place, whatever their credentials. @example "s3 https://s3.example.com media" */
export const placeOf = (target: StorageTarget): string =>
  `${target.provider} ${target.endpoint} ${bucketOf(target)}`;

/**
 * The address of a bucket that has its own host. An address of numbers has no room for a name: it is the bucket's.
 *
 * @example withBucket("https://oss-cn-hangzhou.aliyuncs.com", "media") // "https://media.oss-cn-hangzhou.aliyuncs.com"
 */
export function withBucket(endpoint: string, bucket: string): string {
  const { protocol, host, hostname, pathname } = new URL(endpoint);
  const isNumeric = /^(\d+\.){3}\d+$|^\[/.test(hostname);
  return `${protocol}//${isNumeric ? host : `${bucket}.${host}`}${withoutTrailing(pathname, "/")}`;
}
