import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { ContainerClient } from "@azure/storage-blob";
import { listen } from "./ports.ts";

/** A server in front of the emulator that has what the emulator lacks. */
export interface AzuriteFront {
  readonly origin: string;
  close(): Promise<void>;
}

/**
 * Azurite answers 501 to Put Block From URL. Here, the front reads the source from the emulator by the link in the request,
 * so the emulator itself judges that link, and stages the block. Every other request goes through unchanged.
 *
 * @param container signed in with the account's key
 * @see https://learn.microsoft.com/rest/api/storageservices/put-block-from-url
 */
export async function startAzuriteFront(target: string, container: ContainerClient): Promise<AzuriteFront> {
  const { hostname, port } = new URL(target);
  const agent = new http.Agent({ keepAlive: true });

  const forward = (req: IncomingMessage, res: ServerResponse) => {
    const { method, url: path, headers } = req;
    const upstream = http.request({ agent, hostname, port, method, path, headers });
    upstream.on("error", () => res.destroy());
    upstream.on("response", (response) => {
      res.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(res);
    });
    req.on("error", () => upstream.destroy());
    res.on("close", () => upstream.destroy());
    req.pipe(upstream);
  };

  const refuse = (res: ServerResponse, status: number, code: string) => {
    res.writeHead(status, { "x-ms-error-code": code, "content-type": "application/xml" });
    res.end(
      `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`,
    );
  };

  const stage = async (req: IncomingMessage, res: ServerResponse, url: URL, source: string) => {
    req.resume();
    if (req.headers.authorization === undefined && !url.searchParams.has("sig")) {
      return refuse(res, 401, "NoAuthenticationInformation");
    }
    const link = new URL(source);
    link.host = new URL(target).host;
    const range = req.headers["x-ms-source-range"];
    const read = await fetch(link, range === undefined ? {} : { headers: { range: String(range) } });
    if (!read.ok) {
      await read.body?.cancel();
      return refuse(res, read.status, "CannotVerifyCopySource");
    }
    const content = Buffer.from(await read.arrayBuffer());
    const [, , , ...segments] = url.pathname.split("/");
    const key = decodeURIComponent(segments.join("/"));
    const id = url.searchParams.get("blockid") ?? "";
    await container.getBlockBlobClient(key).stageBlock(id, content, content.length);
    res.writeHead(201, { "x-ms-request-server-encrypted": "true" }).end();
  };

  const server = http.createServer((req, res) => {
    const url = new URL(req.url ?? "", target);
    const source = req.headers["x-ms-copy-source"];
    const isStaged = req.method === "PUT" && url.searchParams.get("comp") === "block";
    if (!isStaged || source === undefined) return forward(req, res);
    stage(req, res, url, String(source)).catch(() => refuse(res, 500, "InternalError"));
  });
  const origin = `http://127.0.0.1:${await listen(server)}`;
  return {
    origin,
    async close() {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
