import { isWithin, parseIPv4, parseIPv6, type Range } from "./address.ts";

/** Addresses and CIDR ranges that an operator lists, of IPv4 and IPv6. */
export type AddressRange = Pick<Range, "bytes" | "prefix">;

const IPV4_IN_IPV6 = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/** The bytes of an address; an IPv4 address that is written as IPv6 (`::ffff:192.0.2.1`) is an IPv4 address. */
function bytesOf(text: string): readonly number[] | null {
  const bytes = parseIPv4(text) ?? (text.includes(":") ? parseIPv6(text) : null);
  return bytes?.length === 16 && IPV4_IN_IPV6.every((byte, i) => bytes[i] === byte) ? bytes.slice(12) : bytes;
}

/**
 * Reads an address or a range; null if it is neither. Bits behind the prefix have no effect.
 *
 * @example parseAddressRange("203.0.113.0/24")
 * @example parseAddressRange("2001:db8::1")
 */
export function parseAddressRange(text: string): AddressRange | null {
  const [, address = "", length] = /^([0-9a-f.:]+)(?:\/(\d{1,3}))?$/i.exec(text) ?? [];
  const bytes = bytesOf(address);
  if (bytes === null) return null;
  const bits = bytes.length * 8;
  // the prefix of a mapped IPv4 range counts from the beginning of the IPv6 address
  const isMapped = bits === 32 && address.includes(":");
  const prefix = length === undefined ? bits : Number(length) - (isMapped ? 96 : 0);
  return prefix >= 0 && prefix <= bits ? { bytes, prefix } : null;
}

/**
 * Whether an address is in one of the ranges; false for anything that is not an address.
 *
 * @example isInRanges("203.0.113.9", [parseAddressRange("203.0.113.0/24")!]) // true
 */
export function isInRanges(address: string, ranges: readonly AddressRange[]): boolean {
  const bytes = bytesOf(address);
  return bytes !== null && ranges.some((range) => isWithin(bytes, range));
}

/** Whether a text is an IP address. */
export const isAddress = (text: string): boolean => bytesOf(text) !== null;
