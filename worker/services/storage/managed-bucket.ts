import type { ManagedBucketConfig } from "../../config.ts";
import type { ManagedBucket } from "../../context.ts";
import type { TargetOf } from "./addresses.ts";
import type { StorageNetwork } from "./http.ts";
import { S3Store } from "./s3.ts";
import { WriteCheck } from "./write-check.ts";

export function createManagedBucket(config: ManagedBucketConfig, network: StorageNetwork): ManagedBucket {
  const target: TargetOf<"s3"> = {
    provider: "s3",
    endpoint: config.endpoint,
    bucket: config.bucket,
    region: config.region,
    access_key: config.accessKeyId,
    secret_key: config.secretAccessKey,
    addressing: "path",
    managed: true,
  };
  const store = new S3Store(target, network);
  const writeCheck = new WriteCheck({ store, target, network });
  return {
    checkWrite: () => writeCheck.run(),
    target,
    putObject: (key, text, contentType) => store.putObject(key, text, contentType),
    signedLink: (key) => store.signedLink(key),
    deleteObject: (key) => store.deleteObject(key),
    abortUpload: (key, ref) => store.abortUpload(key, ref),
    listKeys: (prefix) => store.listKeys(prefix),
  };
}
