import { once } from "node:events";
import http, { type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createFront, type Front } from "../../bin/stack/platform/front.ts";

/** Bodies on their way through the self-hosted platform's entrance: small ones in one piece, others as streams. */

let target: Server;
let front: Front;
let url: string;

const listen = async (server: Server): Promise<string> => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

beforeAll(async () => {
  // sends back what it got, with the declared length, or without one if it is asked to
  target = http.createServer(async (request, response) => {
    const body = await buffer(request);
    const isDeclared = request.url !== "/undeclared";
    response.setHeader("x-got", `${request.method} ${request.headers["content-length"] ?? "undeclared"}`);
    if (isDeclared) response.setHeader("content-length", body.length);
    if (request.url === "/broken") response.write(body.subarray(0, 10), () => response.destroy());
    else response.end(request.method === "HEAD" ? undefined : body);
  });
  front = createFront({ target: new URL(await listen(target)), trustedProxies: [], log: () => undefined });
  url = await listen(front.server);
});

afterAll(async () => {
  await front.drain(0);
  target.closeAllConnections();
  target.close();
});

const SMALL = "x".repeat(1_000);
const LARGE = "y".repeat(200_000);

it.each([
  ["/", SMALL],
  ["/", LARGE],
  ["/undeclared", SMALL],
  ["/undeclared", LARGE],
])("passes bodies in both directions: %s", async (path, body) => {
  const response = await fetch(url + path, { method: "POST", body });
  expect(response.headers.get("x-got")).toBe(`POST ${body.length}`);
  expect(await response.text()).toBe(body);
});

it("passes a body that declares no length", async () => {
  const response = await fetch(url, {
    method: "POST",
    body: new Blob([SMALL]).stream(),
    duplex: "half",
  } as RequestInit);
  expect(response.headers.get("x-got")).toBe("POST undeclared");
  expect(await response.text()).toBe(SMALL);
});

it("passes the head of an answer that has no body", async () => {
  const response = await fetch(url, { method: "HEAD" });
  expect(response.headers.get("x-got")).toBe("HEAD undeclared");
  expect(await response.text()).toBe("");
});

it("breaks off where an answer breaks off, instead of sending a part of it as the whole", async () => {
  const broken = fetch(`${url}/broken`, { method: "POST", body: SMALL }).then((response) => response.text());
  await expect(broken).rejects.toThrow();
});
