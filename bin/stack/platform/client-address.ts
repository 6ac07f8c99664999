import type { IncomingMessage } from "node:http";
import { type AddressRange, isAddress, isInRanges } from "../../../schema/address-range.ts";

/**
 * Where a request came from. A trusted proxy is believed what it says in `X-Forwarded-For`; the entries are read from the
 * right, because clients can send entries of their own on the left.
 *
 * @returns null if a trusted proxy says something else than an address
 */
export function clientAddressOf(
  {
    socket,
    headersDistinct,
  }: Pick<IncomingMessage, "headersDistinct"> & {
    readonly socket: Pick<IncomingMessage["socket"], "remoteAddress">;
  },
  trusted: readonly AddressRange[],
): string | null {
  const forwarded = (headersDistinct["x-forwarded-for"] ?? []).join(",").split(",");
  const hops = forwarded.map((hop) => hop.trim()).filter((hop) => hop !== "");
  let address = socket.remoteAddress ?? "";
  while (isInRanges(address, trusted)) {
    const before = hops.pop();
    if (before === undefined) break;
    address = before.replace(/^\[(.*)\]$/, "$1");
  }
  return isAddress(address) ? address : null;
}
