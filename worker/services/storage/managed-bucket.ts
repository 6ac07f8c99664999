import type { TargetOf } from "../../../schema/storage/address.ts";
import type { ManagedBucketConfig } from "../../config.ts";
import type { ManagedBucket } from "../../context.ts";
import type { StorageNetwork } from "./http.ts";
import { WriteCheck } from "./write-check.ts";
import { s3Authority } from "./xml-authorities.ts";
import { XmlStore } from "./xml-store.ts";

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
  const store = new XmlStore(target, s3Authority(target, network), network);
  const shown = { ...target, endpoint: config.publicEndpoint };
  const linkStore = new XmlStore(shown, s3Authority(shown, network), network);
  const writeCheck = new WriteCheck({ store, target, network });
  return {
    checkWrite: () => writeCheck.run(),
    target,
    putObject: (key, text, contentType) => store.putObject(key, text, contentType),
    signedLink: (key) => linkStore.signedLink(key),
    deleteObject: (key) => store.deleteObject(key),
    abortUpload: (key, ref) => store.abortUpload(key, ref),
    listKeys: (prefix) => store.listKeys(prefix),
  };
}
