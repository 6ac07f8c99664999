import { type AddressRange, parseAddressRange } from "../../../schema/address-range.ts";
import { StackError } from "../errors.ts";

/**
 * Reads `TRUSTED_PROXIES`: comma-separated addresses and CIDR ranges of the reverse proxies in front of the stack.
 *
 * @throws StackError that names what is neither
 * @example trustedProxiesOf("127.0.0.1, 10.0.0.0/8")
 */
export function trustedProxiesOf(text: string | undefined): AddressRange[] {
  const entries = (text ?? "").split(",").map((entry) => entry.trim());
  return entries
    .filter((entry) => entry !== "")
    .map((entry) => {
      const range = parseAddressRange(entry);
      if (range) return range;
      throw new StackError(`TRUSTED_PROXIES: "${entry}" is not an IP address or a CIDR range`);
    });
}
