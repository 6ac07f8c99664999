/** One way to name a place that must not be reached. */
export interface AddressForm {
  readonly kind:
    | "IPv4 notation"
    | "IPv6 notation"
    | "internal name"
    | "URL syntax"
    | "DNS answer"
    | "redirect";
  /** The whole URL, as a caller or a source writes it. */
  url(path: string): string;
}

/** Loopback addresses on which the trap listens. */
const LOOPBACK = ["127.0.0.1", "127.0.0.2", "127.1.2.3", "127.255.255.254"] as const;
/** Addresses of other networks, including clouds' metadata; here, the resolver's log shows an attempt to connect. */
const ELSEWHERE = [
  "10.0.0.1",
  "172.16.0.1",
  "192.168.1.1",
  "100.64.0.1",
  "169.254.169.254",
  "169.254.170.2",
  "168.63.129.16",
  "100.100.100.200",
  "192.0.0.192",
  "0.0.0.0",
] as const;
const ELSEWHERE_6 = ["fd00:ec2::254", "fe80::1", "fc00::1", "::", "ff02::1"] as const;

const NAMES = [
  "localhost",
  "LOCALHOST",
  "localhost.",
  "LocalHost..",
  "foo.localhost",
  "localhost.localdomain",
  "ip6-localhost",
  "ⓛocalhost",
  "local%68ost",
  "local\u00adhost",
  "printer.local",
  "router.lan",
  "intranet",
  "metadata",
  "instance-data",
  "metadata.google.internal",
  "metadata.google.internal.",
  "metadata.goog",
  "METADATA.tencentyun.com",
  "kubernetes.default.svc.cluster.local",
] as const;

/** The address in the public answers of the campaign's resolver; nothing listens there. */
export const BLACK_HOLE = "25.0.0.1";

/**
 * Every form. Names below `dns.example` resolve as they say: lists of addresses joined by `-and-`, the responses of one
 * lookup after the other by `-then-`, `:` and `.` written as `_`.
 *
 * @param port of the trap
 * @param origin a server that callers may reach, whose `/redirect/<status>/<base64url>` redirects elsewhere
 */
export function addressForms(port: number, origin: string): AddressForm[] {
  const at = (kind: AddressForm["kind"], host: string): AddressForm => ({
    kind,
    url: (path) => `http://${host}:${port}${path}`,
  });
  const v4 = [...LOOPBACK, ...ELSEWHERE].flatMap((address) => notationsOf(address, LOOPBACK[0] === address));
  const v6 = [...LOOPBACK.slice(0, 2), "169.254.169.254", "10.0.0.1"].flatMap(inIPv6);
  const redirected = [
    ...LOOPBACK.slice(0, 2),
    "[::1]",
    "[::ffff:7f00:1]",
    "0x7f.1",
    "2130706433",
    "localhost",
    "169.254.169.254",
    "168.63.129.16",
    dns("127.0.0.1"),
  ];
  return [
    ...v4.map((host) => at("IPv4 notation", host)),
    ...[
      ...v6,
      "[::1]",
      "[0:0:0:0:0:0:0:1]",
      "[::1%25lo]",
      "[fe80::1%25eth0]",
      ...ELSEWHERE_6.map((a) => `[${a}]`),
    ].map((host) => at("IPv6 notation", host)),
    ...NAMES.map((host) => at("internal name", host)),
    ...syntaxForms(port),
    ...dnsAnswers().map((name) => at("DNS answer", name)),
    ...redirected.flatMap((host) =>
      [301, 302, 303, 307, 308].map((status) => ({
        kind: "redirect" as const,
        url: (path: string) => redirectBy(origin, status, `http://${host}:${port}${path}`),
      })),
    ),
    {
      kind: "redirect",
      url: (path) => redirectBy(origin, 302, redirectBy(origin, 307, `http://127.0.0.1:${port}${path}`)),
    },
    { kind: "redirect", url: (path) => redirectBy(origin, 302, `//127.0.0.1:${port}${path}`) },
    { kind: "redirect", url: (path) => redirectBy(origin, 302, `file:///proc/self/environ?${path}`) },
    { kind: "redirect", url: (path) => redirectBy(origin, 302, `gopher://127.0.0.1:${port}${path}`) },
  ];
}

/**
 * One form of each kind, for a run that takes seconds. Each place gets different ones, so that many places together try
 * many.
 *
 * @param place number of the place, counted from 0
 * @param places how many there are
 */
export function formsOfPlace(all: readonly AddressForm[], place: number, places: number): AddressForm[] {
  return Object.values(Object.groupBy(all, ({ kind }) => kind)).flatMap((forms) => {
    const index = Math.floor((place * forms.length) / places);
    return forms.slice(index, index + 1);
  });
}

const redirectBy = (origin: string, status: number, target: string): string =>
  `${origin}/redirect/${status}/${Buffer.from(target).toString("base64url")}`;

/** The name that the campaign's resolver answers with these addresses, lookup by lookup. */
const dns = (...lookups: string[]): string => {
  const label = lookups.join("-then-").replaceAll(/[.:]/g, "_");
  return `${label}.dns.example`;
};

function dnsAnswers(): string[] {
  const targets = [...LOOPBACK, ...ELSEWHERE, "::1", "::ffff:127.0.0.1", "::ffff:a9fe:a9fe", ...ELSEWHERE_6];
  return [
    ...targets.map((address) => dns(address)),
    ...["64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::", "::127.0.0.1"].map((address) => dns(address)),
    // a public address next to a private one, in both orders
    ...["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254"].flatMap((address) => [
      dns(`${BLACK_HOLE}-and-${address}`),
      dns(`${address}-and-${BLACK_HOLE}`),
    ]),
    // rebinding: public when it is checked, private when the connection is made
    ...["127.0.0.1", "127.0.0.2", "::1", "169.254.169.254"].map((address) => dns(BLACK_HOLE, address)),
    dns(BLACK_HOLE, BLACK_HOLE, "127.0.0.1"),
  ];
}

/** Ways to write an IPv4 address that URL parsers know, or that other programs accept as one. */
function notationsOf(address: string, withAll: boolean): string[] {
  const bytes = address.split(".").map(Number) as [number, number, number, number];
  const [a, b, c, d] = bytes;
  const whole = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
  const low = (c << 8) | d;
  const most = (b << 16) | (c << 8) | d;
  const hex = (value: number) => `0x${value.toString(16)}`;
  const octal = (value: number) => `0${value.toString(8)}`;
  const usual = [
    address,
    `${address}.`,
    `${whole}`,
    hex(whole),
    hex(whole).toUpperCase(),
    octal(whole),
    bytes.map(hex).join("."),
    bytes.map(octal).join("."),
    `${a}.${most}`,
    `${hex(a)}.${most}`,
    `${octal(a)}.${b}.${low}`,
  ];
  if (!withAll) return usual;
  return [
    ...usual,
    `${a}.1`,
    `${a}.0.1`,
    `${hex(a)}.1`,
    `0x00000000${whole.toString(16)}`,
    `0000${octal(whole)}`,
    bytes.map((byte) => `0000${octal(byte)}`).join("."),
    `${hex(a)}.${octal(b)}.${c}.${d}`,
    address.replaceAll(".", "。"),
    address.replaceAll(".", "．"),
    address.replaceAll(".", "｡"),
    address.replaceAll(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit))),
    address.replaceAll(/\d/g, (digit) => String.fromCodePoint(0x1d7ce + Number(digit))),
    address.replaceAll(/[1-9]/g, (digit) => String.fromCodePoint(0x245f + Number(digit))),
    address.replaceAll(".", "%2e"),
    address.replaceAll(/\d/g, (digit) => `%3${digit}`),
    address.replaceAll(".", "\u00ad."),
    address.replaceAll(".", "\u200b."),
    `${address}..`,
    `${a + 256}.${b}.${c}.${d}`,
    `${address}.${d}`,
  ];
}

function inIPv6(address: string): string[] {
  const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
  const group = (high: number, low: number) => ((high << 8) | low).toString(16);
  const groups = `${group(a, b)}:${group(c, d)}`;
  return [
    `[::ffff:${address}]`,
    `[::ffff:${groups}]`,
    `[::FFFF:${groups.toUpperCase()}]`,
    `[0:0:0:0:0:ffff:${groups}]`,
    `[::${address}]`,
    `[::${groups}]`,
    `[::ffff:0:${groups}]`,
    `[64:ff9b::${groups}]`,
    `[64:ff9b::${address}]`,
    `[64:ff9b:1::${groups}]`,
    `[2002:${groups}::]`,
    `[2002:${groups}::1]`,
    `[2001:0:${groups}::]`,
    `[fe80::5efe:${groups}]`,
  ];
}

/** Other hosts before, after and around the one that a parser finds. */
function syntaxForms(port: number): AddressForm[] {
  const trap = `127.0.0.1:${port}`;
  const templates: ((path: string) => string)[] = [
    (path) => `http://example.com@${trap}${path}`,
    (path) => `http://example.com:80@${trap}${path}`,
    (path) => `http://user:secret@${trap}${path}`,
    (path) => `http://example.com%00@${trap}${path}`,
    (path) => `http://example.com%2f@${trap}${path}`,
    (path) => `http://a@b@${trap}${path}`,
    (path) => `http://${trap}\\@example.com${path}`,
    (path) => `http://${trap}#@example.com${path}`,
    (path) => `http://${trap}?@example.com${path}`,
    (path) => `http://${trap};@example.com${path}`,
    (path) => `http:${trap}${path}`,
    (path) => `http:/${trap}${path}`,
    (path) => `http:\\\\${trap}${path}`,
    (path) => `http:///${trap}${path}`,
    (path) => `HTTP://${trap}${path}`,
    (path) => `hTtPs://${trap}${path}`,
    (path) => `http://127.0.\t0.1:${port}${path}`,
    (path) => `http://127.0.0.1\t:${port}${path}`,
    (path) => ` http://${trap}${path}`,
    (path) => `http://127.0.0.1:0${port}${path}`,
    (path) => `http://127.0.0.1:000${port}${path}`,
    (path) => `ftp://${trap}${path}`,
    (path) => `gopher://${trap}${path}`,
    (path) => `file://${trap}${path}`,
    (path) => `tcp://${trap}${path}`,
    (path) => `rtmp://${trap}${path}`,
    (path) => `rtsp://${trap}${path}`,
    (path) => `crypto+http://${trap}${path}`,
    (path) => `concat:http://${trap}${path}|http://${trap}${path}`,
    (path) => `http+unix://${trap}${path}`,
  ];
  return templates.map((url) => ({ kind: "URL syntax" as const, url }));
}
