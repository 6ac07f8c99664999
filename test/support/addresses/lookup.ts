import net from "node:net";

interface StubResponse {
  readonly address: string;
  readonly family: 4 | 6;
}

/**
 * The campaign's resolver: the addresses of a name, see `forms.ts`; null for unknown names.
 *
 * @param before lookups of this name so far
 */
export function answersOf(name: string, before: number): StubResponse[] | null {
  const label = /^(.+)\.dns\.example\.?$/.exec(name)?.[1];
  if (label === undefined) return null;
  const responses = label.split("-then-");
  const addresses = (responses[Math.min(before, responses.length - 1)] ?? "").split("-and-").map(addressOf);
  return addresses.map((address) => ({ address, family: net.isIPv6(address) ? 6 : 4 }));
}

function addressOf(text: string): string {
  const v4 = text.replaceAll("_", ".");
  if (net.isIPv4(v4)) return v4;
  const mixed = /^(.*_)(\d+_\d+_\d+_\d+)$/.exec(text);
  if (mixed) return `${mixed[1]?.replaceAll("_", ":")}${mixed[2]?.replaceAll("_", ".")}`;
  return text.replaceAll("_", ":");
}
