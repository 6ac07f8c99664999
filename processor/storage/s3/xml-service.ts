import type { StorageTarget } from "../../../schema/wire/run.ts";
import type { ObjectStore, PartLimits } from "../object-store.ts";
import type { ContentDigest } from "../uploads/content-digest.ts";
import type { S3ApiClient } from "./s3-api-client.ts";

/** What differs between the services behind the XML interface. */
export interface XmlService extends Pick<StorageTarget, "options"> {
  readonly provider: Exclude<ObjectStore["provider"], "blob" | "gdrive">;
  readonly limits: PartLimits;
  readonly bucket: string;
  readonly client: S3ApiClient;
  readonly digest: ContentDigest;
  /** When parts are sent with their MD5, which costs twice the CPU time of encrypting them. */
  readonly checksums: Checksums;
  readonly signGet: (key: string, seconds: number, fileName?: string) => Promise<string>;
}

/** `asked`: if the storage does not accept a part without. */
export type Checksums = "always" | "asked";

/** TLS protects the bytes on their way; without it, nothing else does. */
export const checksumsFor = (endpoint: string): Checksums =>
  endpoint.startsWith("https:") ? "asked" : "always";
