import { once } from "node:events";
import http, { type Server } from "node:http";
import { afterEach, expect, it } from "vitest";
import { createOutbound } from "../../bin/stack/platform/outbound.ts";
import { EGRESS_URL_HEADER } from "../../bin/stack/platform/workers.ts";
import type { Lookup } from "../../processor/egress/policy.ts";
import { listen } from "../support/ports.ts";

/** The source network of the Worker on the embedded platform. */

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

async function serve(server: Server): Promise<number> {
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return listen(server);
}

/** Sends as the Worker does. */
async function throughOutbound(url: string, opened: string[], lookup?: Lookup, init: RequestInit = {}) {
  const outbound = createOutbound(opened, lookup);
  cleanups.push(() => outbound.close());
  const port = await serve(http.createServer(outbound.handler));
  const headers = { ...init.headers, [EGRESS_URL_HEADER]: url, "mf-loopback-secret": "secret" };
  return fetch(`http://127.0.0.1:${port}/`, { redirect: "manual", ...init, headers });
}

const echo = () =>
  http.createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    response.setHeader("location", "http://127.0.0.1:1/");
    response.writeHead(request.url === "/moved" ? 302 : 200, { "content-type": "application/json" });
    response.end(
      JSON.stringify({ method: request.method, url: request.url, headers: request.headers, body }),
    );
  });

it("forwards method, path, headers and body, and nothing of the platform", async () => {
  const host = `127.0.0.1:${await serve(echo())}`;
  const init = {
    method: "PUT",
    body: "hello",
    headers: { "x-own": "1", "cf-worker": "waterspout.example.com" },
  };
  const response = await throughOutbound(`http://${host}/a%20b?c=d`, [host], undefined, init);
  const seen = (await response.json()) as { headers: Record<string, string> };
  expect(seen).toMatchObject({ method: "PUT", url: "/a%20b?c=d", body: "hello", headers: { "x-own": "1" } });
  expect(Object.keys(seen.headers).filter((name) => /^(mf|cf)-|egress/.test(name))).toEqual([]);
});

it("returns redirects instead of following them", async () => {
  const host = `127.0.0.1:${await serve(echo())}`;
  const response = await throughOutbound(`http://${host}/moved`, [host]);
  expect([response.status, response.headers.get("location")]).toEqual([302, "http://127.0.0.1:1/"]);
});

it("connects to the address that was judged, however often the name moves", async () => {
  let connections = 0;
  const trap = echo().on("connection", () => void connections++);
  const port = await serve(trap);
  let lookups = 0;
  const rebinding: Lookup = async () => [{ address: lookups++ === 0 ? "10.0.0.1" : "127.0.0.1", family: 4 }];
  for (let tries = 0; tries < 3; tries++) {
    const response = await throughOutbound(`http://moving.example.com:${port}/`, [], rebinding);
    expect([response.status, await response.json()]).toEqual([530, { error: "NotPublic" }]);
  }
  expect(connections).toBe(0);
});

it.each([
  ["http://127.0.0.1:9/", 530, "NotPublic"],
  ["http://168.63.129.16/", 530, "NotPublic"],
  ["file:///etc/passwd", 530, "NotPublic"],
  ["http://unknown.example.com/", 530, "UnknownHost"],
  ["http://opened.example.com:9/", 521, "Unreachable"],
])("says why %s cannot be reached", async (url, status, error) => {
  const lookup: Lookup = async (name) => {
    if (name.startsWith("unknown")) throw new Error("getaddrinfo ENOTFOUND");
    return [{ address: "127.0.0.1", family: 4 }];
  };
  const response = await throughOutbound(url, ["opened.example.com:9"], lookup);
  expect([response.status, await response.json()]).toEqual([status, { error }]);
});

it("distinguishes a TLS failure from others", async () => {
  const host = `127.0.0.1:${await serve(echo())}`;
  const response = await throughOutbound(`https://${host}/`, [host]);
  expect([response.status, await response.json()]).toEqual([526, { error: "TLS" }]);
});

it("streams, and ends the request when the Worker stops reading", async () => {
  const source = http.createServer((_request, response) => void response.write("first"));
  const host = `127.0.0.1:${await serve(source)}`;
  const left = new AbortController();
  const response = await throughOutbound(`http://${host}/`, [host], undefined, { signal: left.signal });
  const reader = response.body?.getReader();
  expect(new TextDecoder().decode((await reader?.read())?.value)).toBe("first");
  const [socket] = await Promise.all([
    new Promise<unknown>((resolve) => source.getConnections((_error, count) => resolve(count))),
  ]);
  expect(socket).toBe(1);
  const closed = once(source, "connection").catch(() => undefined);
  left.abort();
  void closed;
  await expect
    .poll(() => new Promise((resolve) => source.getConnections((_, count) => resolve(count))))
    .toBe(0);
});
