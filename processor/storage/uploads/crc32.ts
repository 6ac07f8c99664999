import { crc32 as crc32OfNode } from "node:zlib";

/**
 * The CRC-32 of zlib and of S3, an unsigned number of 32 bits. It can be computed piece by piece: `soFar` is that of the bytes
 * before, 0 at the beginning.
 *
 * @example crc32(Buffer.from("st"), crc32(Buffer.from("te"))) === crc32(Buffer.from("test"))
 */
export type Crc32 = (bytes: Uint8Array, soFar?: number) => number;

/**
 * By a native package where it has a build for the platform, else by Node, which may need more than twice the time
 * (docs/performance.md).
 */
export const crc32: Crc32 = await import("@node-rs/crc32").then(
  (native) => native.crc32,
  () => crc32OfNode,
);
