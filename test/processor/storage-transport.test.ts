import { once } from "node:events";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { StorageTransport } from "../../processor/storage/transport.ts";

const MiB = 1 << 20;

test("a server that answers early gets nothing of what the memory of the body is used for next", async () => {
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
