import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AllowedHosts, judgeAddress, judgeUrl, parseAllowedHosts } from "../../schema/address.ts";

const NONE: AllowedHosts = new Set();
const verdictOf = (url: string, opened = NONE) => judgeUrl(new URL(url), opened);

/** Ways to write addresses that are not public, as callers have tried them elsewhere. */
const REFUSED = [
  "http://127.0.0.1/",
  "http://127.1/",
  "http://2130706433/",
  "http://0x7f000001/",
  "http://0x7f.1/",
  "http://0177.0.0.1/",
  "http://127.0.0.1./",
  "http://１２７.０.０.１/",
  "http://0/",
  "http://0.0.0.0/",
  "http://10.1.2.3/",
  "http://172.16.0.1/",
  "http://172.31.255.255/",
  "http://192.168.1.1/",
  "http://169.254.169.254/latest/meta-data/",
  "http://100.64.0.1/",
  "http://100.127.255.255/",
  "http://192.0.0.8/",
  "http://198.18.0.1/",
  "http://224.0.0.1/",
  "http://255.255.255.255/",
  "http://[::]/",
  "http://[::1]/",
  "http://[::ffff:127.0.0.1]/",
  "http://[::ffff:7f00:1]/",
  "http://[::127.0.0.1]/",
  "http://[64:ff9b::7f00:1]/",
  "http://[64:ff9b:1::1]/",
  "http://[2002:7f00:1::]/",
  "http://[2001:0:7f00:1::]/",
  "http://[2001:db8::1]/",
  "http://[fc00::1]/",
  "http://[fd12:3456::1]/",
  "http://[fe80::1]/",
  "http://[ff02::1]/",
  "http://[100::1]/",
  "http://localhost/",
  "http://LOCALHOST./",
  "http://foo.localhost/",
  "http://printer.local/",
  "http://metadata.google.internal/",
  "http://intranet/",
  "http://router.lan/",
  "http://LocalHost../",
  "http://example..com/",
  "http://.example.com/",
  `http://${"a".repeat(64)}.example.com/`,
  `http://${"a.".repeat(125)}example.com/`,
  "http://exa*mple.com/",
  "http://168.63.129.16/machine",
  "http://0xa83f8110/",
  "http://[::ffff:168.63.129.16]/",
  "http://169.254.170.2/v2/credentials",
  "http://100.100.100.200/latest/meta-data/",
  "http://192.0.0.192/opc/v2/",
  "http://[fd00:ec2::254]/latest/",
  "http://metadata.goog/computeMetadata/v1/",
  "http://METADATA.tencentyun.com./",
  "ftp://example.com/",
  "file:///etc/passwd",
];

const ALLOWED = [
  "https://example.com/",
  "http://93.184.215.14/",
  "http://[2606:4700:4700::1111]/",
  "http://[::ffff:93.184.215.14]/",
  "http://172.32.0.1/",
  "http://100.128.0.1/",
  "http://localhost.example.com/",
  "http://xn--bcher-kva.example/",
];

describe("a URL", () => {
  it.each(REFUSED)("%s is refused with a reason", (url) => {
    expect(verdictOf(url)).toEqual({ allowed: false, reason: expect.stringMatching(/\w+/) });
  });

  it.each(ALLOWED)("%s is allowed", (url) => {
    expect(verdictOf(url)).toEqual({ allowed: true });
  });

  it("that the operator allowed passes for its port only", () => {
    const opened = parseAllowedHosts(" 127.0.0.1:9000, Media.LAN:80 ,[::1]:8080");
    expect(verdictOf("http://127.0.0.1:9000/a", opened).allowed).toBe(true);
    expect(verdictOf("http://media.lan/a", opened).allowed).toBe(true);
    expect(verdictOf("http://[::1]:8080/a", opened).allowed).toBe(true);
    expect(verdictOf("http://127.0.0.1:9001/a", opened).allowed).toBe(false);
    expect(verdictOf("http://127.0.0.2:9000/a", opened).allowed).toBe(false);
    expect(verdictOf("https://media.lan/a", opened).allowed).toBe(false);
  });
});

describe("a list of allowed private hosts", () => {
  it.each(["localhost", "http://a:80", "a:b", "a:80:80", "::1:80", "a/24:80"])("refuses %s", (text) => {
    expect(() => parseAllowedHosts(text)).toThrow("is not host:port");
  });

  it.each([
    ["a.lan:0", "a port is a number from 1 to 65535"],
    ["a.lan:65536", "a port is a number from 1 to 65535"],
    ["a.lan:080", "a port is a number from 1 to 65535"],
    ["127.1:80", "write it as 127.0.0.1:80"],
    ["0x7f.1:80", "write it as 127.0.0.1:80"],
    ["2130706433:80", "write it as 127.0.0.1:80"],
    ["0177.0.0.1:80", "write it as 127.0.0.1:80"],
    ["[::ffff:127.0.0.1]:80", "write it as [::ffff:7f00:1]:80"],
    ["[0:0:0:0:0:0:0:1]:80", "write it as [::1]:80"],
    ["[::1::2]:80", "[::1::2] is not an address"],
    ["media.lan.:80", "write it as media.lan:80"],
    ["%6cocalhost:80", "write it as localhost:80"],
    ["bücher.lan:80", "write it as xn--bcher-kva.lan:80"],
    ["１２７.0.0.1:80", "write it as 127.0.0.1:80"],
    ["local host:80", "is not host:port"],
    ["user@127.0.0.1:80", "is not host:port"],
    ["a..lan:80", "a..lan is not a host name"],
    [`${"a".repeat(64)}.lan:80`, "is not a host name"],
    ["*.lan:80", "*.lan is not a host name"],
  ])("says what to write instead of %s", (text, sentence) => {
    expect(() => parseAllowedHosts(text)).toThrow(sentence);
  });

  it("allows exactly what it lists, whatever it lists", () => {
    const entry = fc.tuple(
      fc.webAuthority({ withPort: true, withIPv4: true, withIPv6: true }),
      fc.nat(70_000),
    );
    fc.assert(
      fc.property(entry, ([authority, port]) => {
        const text = /:\d+$/.test(authority) ? authority : `${authority}:${port}`;
        const url = URL.parse(`http://${text}/`);
        try {
          const opened = parseAllowedHosts(text);
          expect(url && judgeUrl(url, opened).allowed).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ name: "AllowedHostsError" });
        }
      }),
    );
  });

  it("may be empty", () => {
    expect(parseAllowedHosts(undefined).size + parseAllowedHosts(" , ").size).toBe(0);
  });
});

describe("an address", () => {
  it("is judged in the same way when it is mapped into IPv6", () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        expect(judgeAddress(`::ffff:${address}`)).toEqual(judgeAddress(address));
      }),
    );
  });

  it("of IPv6 is allowed only within global unicast", () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const verdict = judgeAddress(address);
        const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1);
        expect(judgeAddress(canonical)).toEqual(verdict);
        if (verdict.allowed && !canonical.startsWith("::ffff:"))
          expect(canonical).toMatch(/^[23][0-9a-f]{3}:/);
      }),
    );
  });

  it.each([
    "",
    "example.com",
    "1.2.3",
    "01.2.3.4",
    "1.2.3.256",
    "1::2::3",
    ":::",
    "1:2:3:4:5:6:7",
    "g::1",
    "::1.2.3.999",
  ])("is not valid as %j", (text) => {
    expect(judgeAddress(text)).toEqual({ allowed: false, reason: "not an IP address" });
  });
});
