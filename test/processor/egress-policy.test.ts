import { once } from "node:events";
import type http from "node:http";
import https from "node:https";
import net from "node:net";
import tls from "node:tls";
import { afterEach, describe, expect, test } from "vitest";
import { HttpClient } from "../../processor/egress/http-client.ts";
import { EgressPolicy } from "../../processor/egress/policy.ts";
import { clientFor } from "../support/egress.ts";
import { patternedBytes } from "../support/media.ts";
import { startOrigin } from "../support/origin.ts";
import { listen } from "../support/ports.ts";
import { TEST_CERTIFICATE, TEST_KEY } from "../support/test-certificate.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function originFor(options: Parameters<typeof startOrigin>[0] = {}) {
  const origin = await startOrigin(options);
  const { client, policy } = clientFor(origin.host);
  cleanups.push(
    () => origin.close(),
    () => policy.close(),
  );
  return { origin, client, policy };
}

async function textOf(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe("policy", () => {
  const closed = new EgressPolicy({
    opened: new Set(),
    lookup: async () => [{ address: "93.184.215.14", family: 4 }],
  });

  test.each([
    "127.0.0.1",
    "localhost",
    "localhost.",
    "[::1]",
    "::1",
    "[::ffff:127.0.0.1]",
    "2130706433",
    "0x7f.1",
    "0177.0.0.1",
    "127.1",
    "0",
    "169.254.169.254",
    "10.0.0.1",
    "100.64.0.1",
    "[fe80::1]",
    "[64:ff9b::7f00:1]",
    "metadata.google.internal",
    "router",
    "a b",
    "example.org@127.0.0.1",
    "example.org/../x",
  ])("refuses %s", async (host) => {
    await expect(closed.resolve(host, 80)).rejects.toMatchObject({ code: "egress_blocked" });
  });

  test("resolves a public name to its address", async () => {
    await expect(closed.resolve("example.org", 443)).resolves.toEqual({
      address: "93.184.215.14",
      family: 4,
    });
  });

  test("refuses a name as soon as one of its addresses is not public", async () => {
    const policy = new EgressPolicy({
      opened: new Set(),
      lookup: async () => [
        { address: "93.184.215.14", family: 4 },
        { address: "::ffff:10.0.0.1", family: 6 },
      ],
    });
    await expect(policy.resolve("example.org", 80)).rejects.toMatchObject({ code: "egress_blocked" });
  });

  test("distinguishes a name that does not resolve from a refused one", async () => {
    const policy = new EgressPolicy({
      opened: new Set(),
      lookup: async () => {
        throw Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" });
      },
    });
    const report = { code: "host_not_found", subject: "gone.example.org", retry_after_ms: null };
    const reported = { code: "network", report, transient: false };
    await expect(policy.resolve("gone.example.org", 80)).rejects.toMatchObject(reported);
  });

  test("allows only the exact pair of host and port", async () => {
    const policy = new EgressPolicy({ opened: new Set(["127.0.0.1:9000", "[::1]:9000"]) });
    await expect(policy.resolve("127.0.0.1", 9000)).resolves.toEqual({ address: "127.0.0.1", family: 4 });
    await expect(policy.resolve("2130706433", 9000)).resolves.toEqual({ address: "127.0.0.1", family: 4 });
    await expect(policy.resolve("::1", 9000)).resolves.toEqual({ address: "::1", family: 6 });
    await expect(policy.resolve("127.0.0.1", 9001)).rejects.toMatchObject({ code: "egress_blocked" });
    await expect(policy.resolve("localhost", 9000)).rejects.toMatchObject({ code: "egress_blocked" });
  });

  test("connects to the address it judged, even if the name has moved inside since", async () => {
    const trap = net.createServer();
    const port = await listen(trap);
    cleanups.push(() => void trap.close());
    let lookups = 0;
    const policy = new EgressPolicy({
      opened: new Set([`first.example.com:${port}`]),
      // The second response would be refused; code that looked the name up again would see it.
      lookup: async () => [{ address: lookups++ === 0 ? "127.0.0.1" : "127.0.0.2", family: 4 }],
    });
    const socket = await policy.dial("first.example.com", port);
    expect([socket.remoteAddress, lookups]).toEqual(["127.0.0.1", 1]);
    socket.destroy();
  });
});

describe("client", () => {
  /** A server for media.example.com, and a client that trusts its certificate. */
  async function tlsServer(listener: http.RequestListener, options: https.ServerOptions = {}) {
    const trusted = tls.getCACertificates("default");
    tls.setDefaultCACertificates([...trusted, TEST_CERTIFICATE]);
    const server = https.createServer({ key: TEST_KEY, cert: TEST_CERTIFICATE, ...options }, listener);
    const port = await listen(server);
    const policy = new EgressPolicy({
      opened: new Set([`media.example.com:${port}`, `other.example.com:${port}`]),
      lookup: async () => [{ address: "127.0.0.1", family: 4 }],
    });
    cleanups.push(
      () => tls.setDefaultCACertificates(trusted),
      () => void server.close(),
      () => policy.close(),
    );
    return { server, port, client: new HttpClient(policy) };
  }

  test("verifies certificates against the host name, not the dialled address", async () => {
    const { client, port } = await tlsServer((_request, response) => response.end("secret"));
    const { body } = await client.open(`https://media.example.com:${port}/`);
    expect(await textOf(body)).toBe("secret");
    await expect(client.open(`https://other.example.com:${port}/`)).rejects.toMatchObject({
      code: "network",
      detail: expect.stringContaining("altnames"),
    });
  });

  test("decrypts a body that its reader does not keep into the same memory, every byte of it", async () => {
    const media = patternedBytes((4 << 20) + 123);
    const { client, port } = await tlsServer((_request, response) => {
      response.writeHead(200, { "content-length": media.length });
      response.end(media);
    });
    for (let round = 0; round < 2; round++) {
      const { body } = await client.open(`https://media.example.com:${port}/`, { borrowsChunks: true });
      const memories = new Set<ArrayBufferLike>();
      const copies: Buffer[] = [];
      body.on("data", (chunk: Buffer) => {
        memories.add(chunk.buffer);
        copies.push(Buffer.from(chunk));
      });
      await once(body, "end");
      expect(Buffer.concat(copies).equals(media)).toBe(true);
      expect(memories.size).toBeLessThan(4);
    }
  });

  test("resumes a TLS session in the next connection, and prefers the quickest suite", async () => {
    const { client, port, server } = await tlsServer(
      (_request, response) => void response.writeHead(200, { connection: "close" }).end("a"),
      { honorCipherOrder: false },
    );
    const reused: boolean[] = [];
    const suites = new Set<string>();
    server.on("secureConnection", (socket) => {
      reused.push(socket.isSessionReused());
      suites.add(socket.getCipher().name);
    });
    for (let round = 0; round < 2; round++) {
      const { body } = await client.open(`https://media.example.com:${port}/`);
      expect(await textOf(body)).toBe("a");
    }
    expect(reused).toEqual([false, true]);
    expect([...suites]).toEqual(["TLS_AES_128_GCM_SHA256"]);
  });

  test("returns any status and the headers", async () => {
    const { origin, client } = await originFor();
    const { status, body } = await client.open(`${origin.url}/status/429`);
    body.destroy();
    expect(status).toBe(429);
  });

  test("follows redirects and reports where they ended", async () => {
    const { origin, client } = await originFor({ bodies: { "/a.mp4": Buffer.from("media") } });
    const response = await client.open(`${origin.url}/redirect?to=/a.mp4`);
    expect(await textOf(response.body)).toBe("media");
    expect(response.url).toBe(`${origin.url}/a.mp4`);
  });

  test("refuses a redirect to a private address and to another scheme", async () => {
    const { origin, client } = await originFor();
    for (const target of ["http://127.0.0.1:1/", "http://[::ffff:7f00:1]/", "file:///etc/passwd"]) {
      const opened = client.open(`${origin.url}/redirect?to=${encodeURIComponent(target)}`);
      await expect(opened).rejects.toMatchObject({ code: "egress_blocked" });
    }
  });

  test("gives up on a chain of redirects that is too long", async () => {
    const { origin, client } = await originFor();
    let url = `${origin.url}/a.mp4`;
    for (let hop = 0; hop < 4; hop++) url = `${origin.url}/redirect?to=${encodeURIComponent(url)}`;
    await expect(client.open(url, { maxRedirects: 3 })).rejects.toMatchObject({ code: "network" });
  });

  test("does not send cookies and authorization to another origin", async () => {
    const { origin } = await originFor();
    const other = await startOrigin({ behaviour: { "/a.mp4": { cookie: "sid=ok" } } });
    const { client, policy } = clientFor(origin.host, other.host);
    other.put("/a.mp4", Buffer.from("media"));
    cleanups.push(
      () => other.close(),
      () => policy.close(),
    );
    const headers = { Cookie: "sid=ok", Authorization: "Bearer x" };
    const direct = await client.open(`${other.url}/a.mp4`, { headers });
    expect(direct.status).toBe(200);
    direct.body.destroy();
    const target = encodeURIComponent(`${other.url}/a.mp4`);
    const redirected = await client.open(`${origin.url}/redirect?to=${target}`, { headers });
    expect(redirected.status).toBe(403);
    redirected.body.destroy();
  });

  test("reports a refused, cut or silent connection as a network failure", async () => {
    const { origin, client } = await originFor({
      bodies: { "/cut": Buffer.alloc(5000), "/mute": Buffer.alloc(1) },
      behaviour: { "/cut": { resetAfter: 1000 }, "/mute": { hang: true } },
    });
    await expect(client.open("http://127.0.0.1:1/")).rejects.toMatchObject({ code: "egress_blocked" });
    const { body } = await client.open(`${origin.url}/cut`);
    await expect(textOf(body)).rejects.toMatchObject({ code: "network" });
    await expect(client.open(`${origin.url}/mute`, { timeoutMs: 50 })).rejects.toMatchObject({
      code: "network",
    });
  });

  test("does not blame a silent source when the reader pauses", async () => {
    const { origin, client } = await originFor({ bodies: { "/big": Buffer.alloc(16 << 20) } });
    const { body } = await client.open(`${origin.url}/big`, { timeoutMs: 600 });
    // Nothing is read for several times the limit: the silence is the reader's.
    await new Promise((resolve) => setTimeout(resolve, 1300));
    expect((await textOf(body)).length).toBe(16 << 20);
  });

  test("stops at once when its signal is aborted, with the signal's reason", async () => {
    const { origin, client } = await originFor({
      bodies: { "/mute": Buffer.alloc(1) },
      behaviour: { "/mute": { hang: true } },
    });
    const reason = new Error("cancelled");
    const abort = new AbortController();
    const opened = client.open(`${origin.url}/mute`, { signal: abort.signal });
    opened.catch(() => {});
    await origin.waitForHit("/mute");
    abort.abort(reason);
    await expect(opened).rejects.toBe(reason);
  });

  test("reuses connections", async () => {
    const { origin, client } = await originFor({ bodies: { "/a": Buffer.from("a") } });
    for (let i = 0; i < 3; i++) {
      const { body } = await client.open(`${origin.url}/a`);
      body.resume();
      await once(body, "close");
    }
    expect(origin.connections).toBe(1);
  });
});
