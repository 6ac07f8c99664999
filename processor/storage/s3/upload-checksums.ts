import type { IncomingHttpHeaders } from "node:http";
import { StorageFault } from "../../fault.ts";
import type { ContentDigest } from "../uploads/content-digest.ts";
import { isCompositeCrc32, isCompositeEtag, type SentChecksums } from "../uploads/stored-checksum.ts";
import type { XmlService } from "./xml-service.ts";

const ALGORITHM = "x-amz-checksum-algorithm";
const CRC32 = "CRC32";

/** What the request that begins an upload asks for. */
export const ASKS_FOR_CRC32 = { [ALGORITHM]: CRC32 } as const;

/** Refusals by which storages answer a header that they do not know. */
export const UNKNOWN_HEADER = [400, 501];

/** Refused by status, and not for now. */
const isRefusal = (error: unknown): error is StorageFault =>
  error instanceof StorageFault &&
  error.code === "upload_failed" &&
  error.transient !== true &&
  UNKNOWN_HEADER.some((status) => error.detail?.includes(`(${status})`) === true);

/**
 * The checksums of one upload's parts. CRC-32 costs an eighth of MD5, but many services that speak S3 ignore or refuse it, so
 * it is used only where the answer to the beginning of the upload names it, and only as long as each part's answer
 * repeats it.
 */
export class UploadChecksums {
  readonly #digest: ContentDigest;
  readonly #crc32: XmlService["crc32"];
  readonly #hasCrc32: boolean;
  #hasMd5: boolean;

  /** @param answered the headers of the response that named the upload */
  constructor({ digest, crc32 }: Pick<XmlService, "digest" | "crc32">, answered: IncomingHttpHeaders) {
    this.#digest = digest;
    this.#crc32 = crc32;
    this.#hasCrc32 = crc32 !== null && answered[ALGORITHM] === CRC32;
    this.#hasMd5 = !this.#hasCrc32;
  }

  /** What is sent with a part. */
  async of(body: readonly Uint8Array[]): Promise<SentChecksums> {
    const [withCrc32, withMd5] = [this.#hasCrc32, this.#hasMd5];
    return {
      ...(withCrc32 ? { crc32: await this.#digest(body, "crc32") } : {}),
      ...(withMd5 ? { md5: await this.#digest(body, "md5") } : {}),
    };
  }

  /** The storage did not repeat the CRC-32 of a part and perhaps ignored it: from now on, MD5 is sent as well. */
  addMd5(): void {
    this.#hasMd5 = true;
    this.#refused();
  }

  /**
   * Runs a request of the upload. A storage that agreed to CRC-32 and then refuses a request gets MD5 in the next run,
   * which may come at once.
   */
  async guard<T>(request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (error) {
      if (!this.#hasCrc32 || !isRefusal(error)) throw error;
      this.#refused();
      throw new StorageFault("upload_failed", error.detail, { transient: true });
    }
  }

  #refused(): void {
    this.#crc32?.refusals.add(this.#crc32.storage);
  }
}

/** The headers that carry checksums. */
export const checksumHeaders = ({ crc32, md5 }: SentChecksums): Record<string, string> => ({
  ...(crc32 ? { "x-amz-checksum-crc32": crc32.toString("base64") } : {}),
  ...(md5 ? { "content-md5": md5.toString("base64") } : {}),
});

/** The element that repeats a part's checksum when its upload is completed; empty without one. */
export const checksumElement = ({ crc32 }: SentChecksums): string =>
  crc32 ? `<ChecksumCRC32>${crc32.toString("base64")}</ChecksumCRC32>` : "";

/** What a storage reports about an object. */
interface ReportedObject {
  readonly etag: string | undefined;
  readonly crc32?: string | undefined;
}

/** Whether the report proves that the object consists of parts with these checksums. */
export function provesWhole({ crc32, etag }: ReportedObject, parts: readonly SentChecksums[]): boolean {
  const [crc32s, md5s] = [parts.flatMap((part) => part.crc32 ?? []), parts.flatMap((part) => part.md5 ?? [])];
  return (
    (crc32s.length === parts.length && isCompositeCrc32(crc32, crc32s)) ||
    (md5s.length === parts.length && isCompositeEtag(etag, md5s))
  );
}
