/** The largest numbers of 32 bits, without a sign and with one. */
export const MAX_UINT32 = 2 ** 32 - 1;
export const MAX_INT32 = 2 ** 31 - 1;

/** A box with its content. */
export function box(type: string, ...content: readonly Uint8Array[]): Buffer {
  const bytes = content.reduce((sum, part) => sum + part.length, 8);
  return Buffer.concat([uint32(bytes), Buffer.from(type, "latin1"), ...content]);
}

/** A box with a version and flags. */
export const fullBox = (
  type: string,
  version: number,
  flags: number,
  ...content: readonly Uint8Array[]
): Buffer => box(type, uint32(((version << 24) | flags) >>> 0), ...content);

export function uint32(...values: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, index * 4);
  return bytes;
}

export function uint16(...values: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(values.length * 2);
  for (const [index, value] of values.entries()) bytes.writeUInt16BE(value, index * 2);
  return bytes;
}

export function uint64(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

export const ascii = (text: string): Buffer => Buffer.from(text, "latin1");
