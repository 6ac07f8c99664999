/**
 * The verdict on an address or a host: may the service dial it on behalf of a caller?
 * Pure and synchronous; resolving names is the caller's work, and the caller must dial the very address it had judged.
 */

/** A parsed IP address: 4 or 16 bytes, big-endian. */
type Bytes = readonly number[];

/** A block of addresses. */
export interface Range {
  readonly bytes: Bytes;
  readonly prefix: number;
  readonly why: string;
}

const range4 = (cidr: string, why: string): Range => range(cidr, why, parseIPv4);
const range6 = (cidr: string, why: string): Range => range(cidr, why, parseIPv6);

function range(cidr: string, why: string, parse: (text: string) => Bytes | null): Range {
  const [text = "", prefix = ""] = cidr.split("/");
  const bytes = parse(text);
  if (!bytes) throw new Error(`bad range ${cidr}`);
  return { bytes, prefix: Number(prefix), why };
}

/**
 * Metadata services of clouds, which hand out credentials. Most lie in blocks that are refused anyway; Azure's looks
 * like any public address.
 */
const METADATA_4: readonly Range[] = [
  range4("169.254.169.254/32", "cloud metadata"),
  range4("169.254.170.2/32", "cloud metadata"),
  range4("168.63.129.16/32", "cloud metadata"),
  range4("100.100.100.200/32", "cloud metadata"),
  range4("192.0.0.192/32", "cloud metadata"),
  range4("192.80.8.124/32", "cloud metadata"),
];

/** Their host names; some are public names. */
const METADATA_NAMES: ReadonlySet<string> = new Set([
  "metadata.google.internal",
  "metadata.goog",
  "metadata.tencentyun.com",
  "metadata.packet.net",
  "metadata.platformequinix.com",
]);

/** IPv4 blocks that are not public unicast (IANA special-purpose registry, multicast, reserved). */
const FORBIDDEN_4: readonly Range[] = [
  ...METADATA_4,
  range4("0.0.0.0/8", "unspecified"),
  range4("10.0.0.0/8", "private"),
  range4("100.64.0.0/10", "carrier-grade NAT"),
  range4("127.0.0.0/8", "loopback"),
  range4("169.254.0.0/16", "link-local"),
  range4("172.16.0.0/12", "private"),
  range4("192.0.0.0/24", "protocol assignment"),
  range4("192.0.2.0/24", "documentation"),
  range4("192.88.99.0/24", "6to4 relay"),
  range4("192.168.0.0/16", "private"),
  range4("198.18.0.0/15", "benchmarking"),
  range4("198.51.100.0/24", "documentation"),
  range4("203.0.113.0/24", "documentation"),
  range4("224.0.0.0/4", "multicast"),
  range4("240.0.0.0/4", "reserved"),
];

const METADATA_6: readonly Range[] = [
  range6("fd00:ec2::254/128", "cloud metadata"),
  range6("fd00:42::42/128", "cloud metadata"),
];
/** Only global unicast (2000::/3) is dialled at all; these blocks inside it are special. */
const FORBIDDEN_6: readonly Range[] = [
  range6("2001::/23", "protocol assignment"),
  range6("2001:db8::/32", "documentation"),
  range6("2002::/16", "6to4 transition"),
  range6("3fff::/20", "documentation"),
];
const GLOBAL_6 = range6("2000::/3", "global unicast");
const MAPPED_6 = range6("::ffff:0:0/96", "mapped");

/** The verdict: `allowed`, or refused with a reason in plain words. */
export type Verdict = { readonly allowed: true } | { readonly allowed: false; readonly reason: string };

const ALLOWED: Verdict = { allowed: true };
const refused = (reason: string): Verdict => ({ allowed: false, reason });

/**
 * Judges one literal IP address, without brackets or zone.
 *
 * @example judgeAddress("10.0.0.1")      // { allowed: false, reason: "private address" }
 * @example judgeAddress("93.184.215.14")   // { allowed: true }
 */
export function judgeAddress(address: string): Verdict {
  const v4 = parseIPv4(address);
  if (v4) return judge4(v4);
  const v6 = parseIPv6(address);
  if (!v6) return refused("not an IP address");
  if (isWithin(v6, MAPPED_6)) return judge4(v6.slice(12));
  if (METADATA_6.some((r) => isWithin(v6, r))) return refused("cloud metadata address");
  if (!isWithin(v6, GLOBAL_6)) return refused("private or special address");
  const hit = FORBIDDEN_6.find((r) => isWithin(v6, r));
  return hit ? refused(`${hit.why} address`) : ALLOWED;
}

function judge4(bytes: Bytes): Verdict {
  const hit = FORBIDDEN_4.find((r) => isWithin(bytes, r));
  return hit ? refused(`${hit.why} address`) : ALLOWED;
}

/** Hosts that the operator opened, as `host:port` in lower case. */
export type AllowedHosts = ReadonlySet<string>;

/** An entry of `ALLOWED_PRIVATE_HOSTS` has no effect; the message says what to write. */
export class AllowedHostsError extends Error {
  override readonly name = "AllowedHostsError";
}

/**
 * Reads `ALLOWED_PRIVATE_HOSTS`: comma-separated `host:port`, IPv6 in brackets. Hosts are compared as `URL.hostname`
 * gives them, so an entry in any other form would never match and is refused.
 *
 * @example parseAllowedHosts("127.0.0.1:9000, media.lan:80")
 * @throws AllowedHostsError
 */
export function parseAllowedHosts(text: string | undefined): AllowedHosts {
  const entries = (text ?? "").split(",").map((entry) => entry.trim().toLowerCase());
  const hosts = entries.filter((entry) => entry !== "");
  for (const entry of hosts) requireMatchable(entry);
  return new Set(hosts);
}

const HIGHEST_PORT = 65_535;

function requireMatchable(entry: string): void {
  const parts = /^(\[[0-9a-f:.]+\]|[^:[\]/?#@\\\s]+):(\d+)$/.exec(entry);
  if (!parts) throw new AllowedHostsError(`"${entry}" is not host:port`);
  const [, host = "", port = ""] = parts;
  if (!/^[1-9]\d{0,4}$/.test(port) || Number(port) > HIGHEST_PORT) {
    throw new AllowedHostsError(`"${entry}" can never match: a port is a number from 1 to ${HIGHEST_PORT}`);
  }
  const hostname = URL.parse(`http://${host}/`)?.hostname.replace(/\.$/, "") ?? "";
  if (!host.startsWith("[") && !isHostName(hostname)) {
    throw new AllowedHostsError(`"${entry}" can never match: ${host} is not a host name`);
  }
  if (hostname !== host) {
    throw new AllowedHostsError(
      hostname === ""
        ? `"${entry}" can never match: ${host} is not an address`
        : `"${entry}" can never match: write it as ${hostname}:${port}`,
    );
  }
}

/**
 * True when the operator opened exactly this host and port. `hostname` is as `URL.hostname` gives it.
 *
 * @example isOpened("127.0.0.1", 9000, parseAllowedHosts("127.0.0.1:9000")) // true
 */
export function isOpened(hostname: string, port: number, opened: AllowedHosts): boolean {
  return opened.has(`${hostname.toLowerCase()}:${port}`);
}

/** Names that never mean a public host, whatever a resolver says. */
const INTERNAL_NAME =
  /(^|\.)(localhost|local|internal|intranet|lan|home|corp|localdomain|arpa|onion|invalid|test)$/;

/**
 * Judges a host name or literal before it is resolved. A name that passes here must still be resolved and each
 * of its addresses judged with {@link judgeAddress} when they are dialled.
 *
 * @param hostname as `URL.hostname` gives it (lower case, IPv6 in brackets, numeric forms already normalised)
 * @example judgeHost("localhost") // { allowed: false, reason: "internal host name" }
 */
export function judgeHost(hostname: string): Verdict {
  const host = hostname.toLowerCase().replace(/\.$/, "");
  if (host.startsWith("[")) return judgeAddress(host.slice(1, -1));
  if (parseIPv4(host)) return judgeAddress(host);
  if (!isHostName(host)) return refused("not a host name");
  if (METADATA_NAMES.has(host)) return refused("cloud metadata address");
  if (INTERNAL_NAME.test(host) || !host.includes(".")) return refused("internal host name");
  return ALLOWED;
}

/** Longest name and longest label that DNS carries. */
const MAX_NAME = 253;
const MAX_LABEL = 63;

/** What a resolver accepts as a name: no label empty or too long, no dot at the end. */
function isHostName(host: string): boolean {
  if (host.length > MAX_NAME) return false;
  return host.split(".").every((label) => label.length <= MAX_LABEL && /^[a-z0-9_-]+$/.test(label));
}

/** Port of a URL, with the scheme's default filled in. */
export function portOf(url: URL): number {
  if (url.port !== "") return Number(url.port);
  return url.protocol === "https:" ? 443 : 80;
}

/**
 * Judges a URL that a caller sent: scheme, credentials, host. Opened hosts pass.
 *
 * @example judgeUrl(new URL("http://10.0.0.1/a.mp4"), new Set()) // { allowed: false, reason: "private address" }
 */
export function judgeUrl(url: URL, opened: AllowedHosts): Verdict {
  if (url.protocol !== "http:" && url.protocol !== "https:")
    return refused("only http and https are supported");
  if (isOpened(url.hostname, portOf(url), opened)) return ALLOWED;
  return judgeHost(url.hostname);
}

/** Whether an address is in a block of the same family. */
export function isWithin(bytes: Bytes, block: Pick<Range, "bytes" | "prefix">): boolean {
  if (bytes.length !== block.bytes.length) return false;
  for (let bit = 0; bit < block.prefix; bit += 8) {
    const mask = 0xff & (0xff << Math.max(0, 8 - (block.prefix - bit)));
    const i = bit / 8;
    if (((bytes[i] ?? 0) & mask) !== ((block.bytes[i] ?? 0) & mask)) return false;
  }
  return true;
}

/** Null for anything that is not the four decimal numbers of an IPv4 address. */
export function parseIPv4(text: string): Bytes | null {
  const parts = text.split(".");
  if (parts.length !== 4) return null;
  const bytes = parts.map((part) => (/^(0|[1-9]\d{0,2})$/.test(part) ? Number(part) : 256));
  return bytes.every((byte) => byte < 256) ? bytes : null;
}

/** Null for anything that is not an IPv6 address; a zone is ignored. */
export function parseIPv6(text: string): Bytes | null {
  let source = text.toLowerCase().split("%", 1)[0] ?? "";
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(source);
  if (dotted) {
    const v4 = parseIPv4(dotted[2] ?? "");
    if (!v4) return null;
    const group = (i: number) => (((v4[i] ?? 0) << 8) | (v4[i + 1] ?? 0)).toString(16);
    source = `${dotted[1]}${group(0)}:${group(2)}`;
  }
  const halves = source.split("::");
  if (halves.length > 2) return null;
  const [head = [], tail = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  const groups = [...head, ...Array<string>(halves.length === 2 ? missing : 0).fill("0"), ...tail];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/.test(group))) return null;
  return groups.flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
