import type { StorageTarget } from "../../../schema/wire/run.ts";
import { BlobStore } from "./blob.ts";
import { GcsStore } from "./gcs.ts";
import type { StorageNetwork } from "./http.ts";
import { OssStore } from "./oss.ts";
import { S3Store } from "./s3.ts";
import type { StorageClient } from "./store.ts";

/** The store of a target. Whether its endpoint may be dialled is judged before. */
export function openStorageClient(target: StorageTarget, network: StorageNetwork): StorageClient {
  switch (target.provider) {
    case "s3":
      return new S3Store(target, network);
    case "blob":
      return new BlobStore(target, network);
    case "gcs":
      return new GcsStore(target, network);
    case "oss":
      return new OssStore(target, network);
  }
}
