import { addressOf } from "../../../schema/storage/address.ts";
import type { StorageTarget } from "../../../schema/wire/run.ts";
import { BlobStore } from "./blob.ts";
import type { StorageNetwork } from "./http.ts";
import type { StorageClient } from "./store.ts";
import { gcsAuthority, ossAuthority, s3Authority } from "./xml-authorities.ts";
import { type XmlAuthority, XmlStore } from "./xml-store.ts";

/** The store of a target. Whether its endpoint may be dialled is judged before. */
export function openStorageClient(target: StorageTarget, network: StorageNetwork): StorageClient {
  const xmlStore = (authority: XmlAuthority) => new XmlStore(addressOf(target), authority, network);
  switch (target.provider) {
    case "s3":
      return xmlStore(s3Authority(target, network));
    case "blob":
      return new BlobStore(target, network);
    case "gcs":
      return xmlStore(gcsAuthority(target, network));
    case "oss":
      return xmlStore(ossAuthority(target, network));
  }
}
