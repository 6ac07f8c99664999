import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { StorageFailedError } from "../failure.ts";
import { checksumOf } from "./content-digest.ts";

/** Checksums that were sent with bytes; at least one. */
export interface SentChecksums {
  readonly md5?: Buffer;
  readonly crc32?: Buffer;
}

/** What a storage reports about a part, compared with what was sent. */
export type StoredChecksum = "same" | "other" | "unknown";

/** Services that document the ETag of a part as its MD5. */
const MD5_ETAGS: ReadonlySet<string> = new Set(["AmazonS3", "AliyunOSS"]);

/**
 * Compares the checksums that a storage reports with the bytes that were sent. An ETag proves that they are the same,
 * but seldom that they differ: with keys of a KMS, and on servers that count differently, it is not an MD5.
 *
 * @param headers of the response to the request that stored the bytes
 * @example compareStored({ etag: '"098f6bcd4621d373cade4e832627b4f6"' }, { md5: md5OfTest }) // "same"
 */
export function compareStored(headers: IncomingHttpHeaders, { crc32, md5 }: SentChecksums): StoredChecksum {
  const reportedCrc32 = headers["x-amz-checksum-crc32"];
  if (crc32 !== undefined && reportedCrc32 !== undefined) {
    return reportedCrc32 === crc32.toString("base64") ? "same" : "other";
  }
  if (md5 === undefined) return "unknown";
  const reported = headers["content-md5"] ?? googleMd5(headers["x-goog-hash"]?.toString());
  if (reported !== undefined) return reported === md5.toString("base64") ? "same" : "other";
  const etag = hexOf(headers.etag);
  if (etag === md5.toString("hex")) return "same";
  return etag !== undefined && hasMd5Etags(headers) ? "other" : "unknown";
}

/** @throws StorageFailedError, which is retried, when the storage reports other bytes than were sent */
export function requireStored(headers: IncomingHttpHeaders, sent: SentChecksums): void {
  if (compareStored(headers, sent) !== "other") return;
  const detail = "ChecksumMismatch: the storage reports other bytes than were sent";
  throw new StorageFailedError({ code: "upload_failed", detail, retryable: true });
}

/**
 * The ETag that most servers give an object made of parts: the MD5 of the parts' MD5s, and their number. Any other one
 * proves nothing.
 */
export function isCompositeEtag(etag: string | undefined, parts: readonly Buffer[]): boolean {
  const composite = createHash("md5").update(Buffer.concat(parts)).digest("hex");
  return etag?.replaceAll('"', "").toLowerCase() === `${composite}-${parts.length}`;
}

/**
 * The composite CRC-32 of an object made of parts: that of the parts' CRC-32s, in Base64, often with their number. Any other
 * one proves nothing, because some services report that of the whole object.
 *
 * @example isCompositeCrc32("AzaYow==-2", [first, second])
 */
export function isCompositeCrc32(reported: string | undefined, parts: readonly Buffer[]): boolean {
  const composite = checksumOf(parts, "crc32").toString("base64");
  return reported === composite || reported === `${composite}-${parts.length}`;
}

function hasMd5Etags(headers: IncomingHttpHeaders): boolean {
  const encryption = headers["x-amz-server-side-encryption"] ?? headers["x-oss-server-side-encryption"];
  return MD5_ETAGS.has(String(headers.server)) && (encryption === undefined || encryption === "AES256");
}

/** @param header @example "crc32c=n03x6A==,md5=Ojk9c3dhfxgoKVVHYwFbHQ==" */
const googleMd5 = (header: string | undefined): string | undefined =>
  /(?:^|[\s,])md5=([A-Za-z0-9+/=]+)/.exec(header ?? "")?.[1];

const hexOf = (etag: string | undefined): string | undefined =>
  /^"?([0-9a-f]{32})"?$/i.exec(etag ?? "")?.[1]?.toLowerCase();
