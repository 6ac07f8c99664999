import type { StorageTarget } from "../../../schema/wire/run.ts";
import type { ObjectStore, PartLimits } from "../object-store.ts";
import type { ContentDigest } from "../uploads/content-digest.ts";
import type { Crc32Refusals } from "./crc32-refusals.ts";
import type { S3ApiClient } from "./s3-api-client.ts";

/** What differs between the services behind the XML interface. */
export interface XmlService extends Pick<StorageTarget, "options"> {
  readonly provider: Exclude<ObjectStore["provider"], "blob" | "gdrive">;
  readonly limits: PartLimits;
  readonly bucket: string;
  readonly client: S3ApiClient;
  readonly digest: ContentDigest;
  /** Null for a service that knows no CRC-32; else whether this storage does, as far as is known. */
  readonly crc32: { readonly refusals: Crc32Refusals; readonly storage: string } | null;
  readonly signGet: (key: string, seconds: number, fileName?: string) => Promise<string>;
}
