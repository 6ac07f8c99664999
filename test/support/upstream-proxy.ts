import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import { listen } from "./ports.ts";

/** An operator's HTTP proxy: it connects every client that sends its name and password, and records the targets. */
export interface UpstreamProxy {
  /** With credentials. */
  readonly url: string;
  /** `host:port` of each connection, in order. */
  readonly targets: readonly string[];
  /** Bytes that came from the targets so far. */
  readonly bytes: number;
  close(): Promise<void>;
}

export async function startUpstreamProxy(user: string, password: string): Promise<UpstreamProxy> {
  const targets: string[] = [];
  let bytes = 0;
  const sockets = new Set<Socket>();
  const expected = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  const server = createServer((_, response) => response.writeHead(405).end());
  server.on("connect", (request, client: Socket) => {
    if (request.headers["proxy-authorization"] !== expected) {
      client.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
      return;
    }
    const target = request.url ?? "";
    targets.push(target);
    const [host = "", port = ""] = target.split(":");
    const onward = connect(Number(port), host, () => {
      client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      client.pipe(onward).pipe(client);
    });
    onward.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    for (const socket of [client, onward]) {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
      socket.on("error", () => {
        client.destroy();
        onward.destroy();
      });
    }
  });
  const port = await listen(server);
  return {
    url: `http://${user}:${password}@127.0.0.1:${port}`,
    targets,
    get bytes() {
      return bytes;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
