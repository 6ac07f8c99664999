import type { StorageTarget } from "../../../schema/wire/run.ts";
import { BlobStore } from "./blob.ts";
import { GdriveStore } from "./gdrive.ts";
import type { StorageNetwork } from "./http.ts";
import type { StorageClient } from "./store.ts";
import { gcsAuthority, ossAuthority, s3Authority } from "./xml-authorities.ts";
import { XmlStore } from "./xml-store.ts";

/** The store of a target. The caller has already checked that its endpoint may be dialled. */
export function openStorageClient(target: StorageTarget, network: StorageNetwork): StorageClient {
  switch (target.provider) {
    case "s3":
      return new XmlStore(target, s3Authority(target, network), network);
    case "blob":
      return new BlobStore(target, network);
    case "gcs":
      return new XmlStore(target, gcsAuthority(target, network), network);
    case "gdrive":
      return new GdriveStore(target, network);
    case "oss":
      return new XmlStore(target, ossAuthority(target, network), network);
  }
}
