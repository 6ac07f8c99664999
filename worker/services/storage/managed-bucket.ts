import type { ManagedBucketConfig } from "../../config.ts";
import type { TargetOf } from "./addresses.ts";
import type { StorageNetwork } from "./http.ts";
import { S3Store } from "./s3.ts";
import type { ObjectStore } from "./store.ts";

/** The operator's bucket, over its S3 interface. */
export interface ManagedBucket extends Pick<ObjectStore, "deleteObject" | "abortUpload" | "listKeys"> {
  /** For a run; held in the processor's memory only. */
  readonly target: TargetOf<"s3">;
  /** A link that anybody may read for 24 hours. */
  signedLink(key: string): Promise<string>;
}

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
  return {
    target,
    signedLink: (key) => store.signedLink(key),
    deleteObject: (key) => store.deleteObject(key),
    abortUpload: (key, ref) => store.abortUpload(key, ref),
    listKeys: (prefix) => store.listKeys(prefix),
  };
}
