import { once } from "node:events";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { EgressPolicy } from "../../processor/egress/policy.ts";
import { Retrier } from "../../processor/storage/retrier.ts";
import { StorageTransport } from "../../processor/storage/transport.ts";
import { impatientClock, manualTicker } from "../support/egress.ts";

const MiB = 1 << 20;

test("a server that answers early receives none of the data for which the body's memory is used next", async () => {
  const goOn = Promise.withResolvers<void>();
  let leaked = false;
  const server = net.createServer((connection) => {
    connection.once("data", async () => {
      connection.pause();
      connection.write("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno");
      await goOn.promise;
      connection.on("data", (chunk) => {
        leaked ||= chunk.includes("B");
      });
      connection.on("error", () => {}).resume();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const agent = new http.Agent({ keepAlive: true });
  const transport = new StorageTransport({ agentFor: () => agent });
  const body = Array.from({ length: 64 }, () => Buffer.alloc(MiB, "A"));
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/part`);
  const connected = once(server, "connection");
  const response = await transport.exchange({ method: "PUT", url, headers: {}, body });
  expect(response).toMatchObject({ status: 403, text: "no" });
  for (const chunk of body) chunk.fill("B");
  const [connection] = await connected;
  const closed = once(connection, "close");
  goOn.resolve();
  await closed;
  expect(leaked).toBe(false);
  agent.destroy();
  server.close();
});

test.each([
  ["an agent that connects later, after the address was judged", (port: number) => judged(port)],
  ["an agent of Node's own", () => ({ agent: new http.Agent({ keepAlive: true }), close: () => {} })],
])("a connection that is opened ahead serves the next request: %s", async (_case, open) => {
  const requests: string[] = [];
  const server = http.createServer((request, response) => {
    requests.push(request.url ?? "");
    response.end("ok");
  });
  let connections = 0;
  server.on("connection", () => connections++);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const { agent, close } = open(port);
  const transport = new StorageTransport({ agentFor: () => agent });
  const url = new URL(`http://127.0.0.1:${port}/object`);
  const kept = once(agent, "free");
  transport.connect(url);
  await kept;
  // there is one already
  transport.connect(url);
  const { text } = await transport.exchange({ method: "GET", url, headers: {} });
  expect(text).toBe("ok");
  expect(requests).toEqual(["/object"]);
  expect(connections).toBe(1);
  agent.destroy();
  close();
  server.close();
});

test("a server that switches protocols fails the request", async () => {
  const server = http.createServer((_, response) => {
    response.socket?.end("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const agent = new http.Agent({ keepAlive: true });
  const transport = new StorageTransport({ agentFor: () => agent });
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/object`);
  for (const method of ["GET", "PUT"]) {
    const exchanged = transport.exchange({ method, url, headers: {}, body: [Buffer.alloc(100)] });
    await expect(exchanged).rejects.toMatchObject({ code: "ECONNRESET" });
  }
  agent.destroy();
  server.close();
});

function judged(port: number) {
  const policy = new EgressPolicy({ opened: new Set([`127.0.0.1:${port}`]) });
  return { agent: policy.agentFor("http:"), close: () => policy.close() };
}

/** A storage that behaves as the test orders, and a transport with a manual clock. */
async function storage(handler: http.RequestListener) {
  const server = http.createServer(handler);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const agent = new http.Agent({ keepAlive: true });
  const ticker = manualTicker();
  const transport = new StorageTransport({ agentFor: () => agent, idleMs: 60_000, ticker });
  const send = (path: string, body: readonly Uint8Array[] = []) => {
    const url = new URL(path, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return transport.exchange({ method: "PUT", url, headers: {}, body });
  };
  const close = () => {
    agent.destroy();
    server.closeAllConnections();
    server.close();
  };
  return { server, ticker, send, close };
}

test("a storage that does not answer for a minute hangs: it is not asked again, and clean-up waits a sixth of that", async () => {
  const { server, ticker, send, close } = await storage(() => {});
  const asked = once(server, "request");
  const retrier = new Retrier({ clock: impatientClock(), secrets: [] });
  let tries = 0;
  const storing = retrier.run(() => {
    tries++;
    return send("/part");
  });
  await asked;
  ticker.pass(59_000);
  expect(ticker.running).toBe(1);
  ticker.pass(1_000);
  await expect(storing).rejects.toMatchObject({
    code: "upload_failed",
    detail: "the storage hangs: it answers nothing",
  });
  expect(tries).toBe(1);
  const cleared = once(server, "request");
  const clearing = send("/abort");
  await cleared;
  ticker.pass(10_001);
  await expect(clearing).rejects.toThrow("no progress for 10 s");
  close();
});

test("a single connection that is lost while others work is retried", async () => {
  const { server, ticker, send, close } = await storage((request, response) => {
    if (request.url === "/lost" && hits++ === 0) return;
    response.end("stored");
  });
  let hits = 0;
  const asked = once(server, "request");
  const storing = new Retrier({ clock: impatientClock(), secrets: [] }).run(() => send("/lost"));
  await asked;
  ticker.pass(30_000);
  await send("/other");
  ticker.pass(30_000);
  expect((await storing).text).toBe("stored");
  close();
});

test("a storage that accepts a byte now and then hangs, too", async () => {
  const { server, ticker, send, close } = await storage((request) => void request.pause());
  const asked = once(server, "request");
  const storing = send("/part", [Buffer.alloc(64 << 20)]);
  await asked;
  // what fits the buffers on the way is accepted at first
  const rejected = expect(storing).rejects.toThrow("no progress for 60 s");
  while (ticker.running > 0) {
    ticker.pass(60_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await rejected;
  close();
});

test.each([
  ["bytes", "a".repeat(3 << 20)],
  ["tags", "<a/>".repeat(70_000)],
])("a response of more %s than any storage sends is refused", async (_what, text) => {
  const server = http.createServer((_request, response) => response.end(text));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const agent = new http.Agent();
  const transport = new StorageTransport({ agentFor: () => agent });
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await expect(transport.exchange({ method: "GET", url, headers: {} })).rejects.toThrow("answer too large");
  agent.destroy();
  server.closeAllConnections();
  server.close();
});
