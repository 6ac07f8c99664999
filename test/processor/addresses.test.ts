import http from "node:http";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createOutbound } from "../../bin/stack/platform/outbound.ts";
import { EGRESS_URL_HEADER } from "../../bin/stack/platform/workers.ts";
import { HttpClient } from "../../processor/egress/http-client.ts";
import { EgressPolicy, type Lookup } from "../../processor/egress/policy.ts";
import { EgressProxy } from "../../processor/egress/proxy.ts";
import { type AddressForm, addressForms } from "../support/addresses/forms.ts";
import { answersOf } from "../support/addresses/lookup.ts";
import { setTrap, type Trap } from "../support/addresses/trap.ts";
import { listen } from "../support/ports.ts";

/** Every form of an internal address, through each way in which this service connects to anything. */

let trap: Trap;
let originHost: string;
let forms: readonly AddressForm[];
const cleanups: (() => unknown)[] = [];

beforeAll(async () => {
  trap = await setTrap();
  const origin = http.createServer((request, response) => {
    const [, status, target = ""] = /^\/redirect\/(\d+)\/([\w-]+)/.exec(request.url ?? "") ?? [];
    response
      .writeHead(Number(status ?? 404), { location: Buffer.from(target, "base64url").toString() })
      .end();
  });
  originHost = `127.0.0.1:${await listen(origin)}`;
  forms = addressForms(trap.port, `http://${originHost}`);
  cleanups.push(
    trap.close,
    () => origin.closeAllConnections(),
    () => void origin.close(),
  );
});

afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

/** Like the campaign's resolver: the name says what it resolves to, with a different answer for each lookup. */
function scriptedLookup(): Lookup {
  const lookups = new Map<string, number>();
  return async (name) => {
    const before = lookups.get(name) ?? 0;
    lookups.set(name, before + 1);
    return answersOf(name, before) ?? Promise.reject(new Error(`getaddrinfo ENOTFOUND ${name}`));
  };
}

/** Connections to the black hole, where nothing listens, are refused at once. */
class OfflinePolicy extends EgressPolicy {
  override dial(...[hostname, port, ...others]: Parameters<EgressPolicy["dial"]>) {
    return this.addresses(hostname, port).then((addresses) => {
      if (addresses.some(({ address }) => address === "25.0.0.1")) throw new Error("nobody is there");
      return super.dial(addresses[0].address, port, ...others);
    });
  }
}

function openPolicy(): EgressPolicy {
  const policy = new OfflinePolicy({ opened: new Set([originHost]), lookup: scriptedLookup() });
  cleanups.push(() => policy.close());
  return policy;
}

it("there are at least 300 forms, all different", () => {
  expect(new Set(forms.map((form) => form.url("/a"))).size).toBeGreaterThan(300);
});

it("no form reaches the trap through the processor's client", async () => {
  const client = new HttpClient(openPolicy());
  for (const form of forms) {
    for (let tries = 0; tries < 3; tries++) {
      await client.open(form.url("/a"), { timeoutMs: 2_000 }).then(
        ({ status, body }) => {
          body.on("error", () => {}).destroy();
          expect(status).toBe(404);
        },
        () => undefined,
      );
    }
  }
  expect(trap.connections).toBe(0);
});

it("no form reaches the trap through the tools' proxy, as a request or as a tunnel", async () => {
  const proxy = await EgressProxy.start(openPolicy());
  cleanups.push(() => proxy.close());
  const { hostname: host, port } = new URL(proxy.url);
  const send = (method: string, path: string) =>
    new Promise<void>((resolve) => {
      const request = http.request({ host, port, method, path: encodeURI(path), agent: false });
      request.once("connect", (_response, socket) => {
        socket.destroy();
        resolve();
      });
      request.once("response", (response) => response.resume());
      request
        .once("error", () => resolve())
        .once("close", resolve)
        .end();
    });
  for (const form of forms) {
    const url = form.url("/a");
    await send("GET", url.trim());
    const authority = /^\w+:\/\/([^/?#\\]*)/.exec(url)?.[1];
    if (authority) await send("CONNECT", authority);
  }
  expect(trap.connections).toBe(0);
});

it("no form reaches the trap through the Worker's requests", async () => {
  const outbound = createOutbound([originHost], async (name) => {
    const responses = await scriptedLookup()(name);
    return responses.map((response) =>
      response.address === "25.0.0.1" ? { address: "192.0.2.1", family: 4 } : response,
    );
  });
  const server = http.createServer(outbound.handler);
  const port = await listen(server);
  cleanups.push(
    () => outbound.close(),
    () => void server.close(),
  );
  for (const form of forms) {
    const url = URL.parse(form.url("/a"))?.href;
    if (url === undefined) continue;
    const response = await fetch(`http://127.0.0.1:${port}/`, {
      headers: { [EGRESS_URL_HEADER]: url },
      redirect: "manual",
    });
    const isRedirect = url.startsWith(`http://${originHost}/`);
    expect([url, response.status >= (isRedirect ? 301 : 521)]).toEqual([url, true]);
    await response.body?.cancel();
  }
  expect(trap.connections).toBe(0);
});

it("the trap notices when it is reached", async () => {
  await fetch(`http://127.0.0.1:${trap.port}/`).catch(() => undefined);
  expect(trap.connections).toBeGreaterThan(0);
});
