import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clientAddressOf } from "../../bin/stack/platform/client-address.ts";
import { createFront } from "../../bin/stack/platform/front.ts";
import { trustedProxiesOf } from "../../bin/stack/platform/trusted-proxies.ts";

/** Where a request came from, according to the self-hosted platform. */

describe("a client's address", () => {
  const seen = (remoteAddress: string, forwarded: string[], trusted = "") =>
    clientAddressOf(
      { socket: { remoteAddress }, headersDistinct: { "x-forwarded-for": forwarded } },
      trustedProxiesOf(trusted),
    );

  it.each([
    // nothing is trusted: what a client claims about itself does not count
    ["198.51.100.7", [], "", "198.51.100.7"],
    ["198.51.100.7", ["203.0.113.9"], "", "198.51.100.7"],
    ["::ffff:198.51.100.7", [], "", "::ffff:198.51.100.7"],
    // a trusted proxy is believed, but not what it passes on from the client
    ["127.0.0.1", ["203.0.113.9"], "127.0.0.1", "203.0.113.9"],
    ["127.0.0.1", ["10.9.9.9, 203.0.113.9"], "127.0.0.1", "203.0.113.9"],
    ["127.0.0.1", ["10.9.9.9", "203.0.113.9"], "127.0.0.1", "203.0.113.9"],
    ["::1", ["2001:db8::9"], "127.0.0.1, ::1", "2001:db8::9"],
    ["::ffff:127.0.0.1", ["[2001:db8::9]"], "127.0.0.0/8", "2001:db8::9"],
    // several proxies in a row
    ["127.0.0.1", ["203.0.113.9, 10.0.0.4"], "127.0.0.1,10.0.0.0/8", "203.0.113.9"],
    // a proxy that reports nothing counts as the client; one that reports nonsense leaves no address
    ["127.0.0.1", [], "127.0.0.1", "127.0.0.1"],
    ["127.0.0.1", ["203.0.113.9, unknown"], "127.0.0.1", null],
  ])("%s with %j, trusting %j, is %s", (remote, forwarded, trusted, address) => {
    expect(seen(remote, forwarded, trusted)).toBe(address);
  });

  it("is only configured with proxies that are addresses", () => {
    expect(() => trustedProxiesOf("127.0.0.1, proxy.lan")).toThrow(
      'TRUSTED_PROXIES: "proxy.lan" is not an IP address or a CIDR range',
    );
  });
});

describe("the public entry point", () => {
  const passed: string[][] = [];
  const worker = http.createServer((request, response) => {
    passed.push(request.headersDistinct["cf-connecting-ip"] ?? []);
    response.end();
  });
  const listen = async (server: http.Server): Promise<string> => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const fronts: http.Server[] = [];
  let plain: string;
  let proxied: string;

  beforeAll(async () => {
    const target = new URL(await listen(worker));
    const [strict, behind] = [[], trustedProxiesOf("127.0.0.1")]
      .map((trustedProxies) => createFront({ target, trustedProxies, log: () => undefined }))
      .map(({ server }) => server) as [http.Server, http.Server];
    fronts.push(strict, behind);
    [plain, proxied] = [await listen(strict), await listen(behind)];
  });
  afterAll(() => {
    for (const server of [...fronts, worker]) {
      server.close();
      server.closeAllConnections();
    }
  });

  it("reports where a request came from, whatever the client claims", async () => {
    const headers = { "cf-connecting-ip": "203.0.113.1", "x-forwarded-for": "203.0.113.2" };
    await fetch(plain, { headers });
    await fetch(proxied, { headers });
    await fetch(proxied, { headers: { ...headers, "x-forwarded-for": "?" } });
    expect(passed).toEqual([["127.0.0.1"], ["203.0.113.2"], []]);
  });
});
