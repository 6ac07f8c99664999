import { open, stat } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A web server with one video. */
export interface Origin {
  readonly url: string;
  /** In the form for `ALLOWED_PRIVATE_HOSTS`. */
  readonly host: string;
  close(): Promise<void>;
}

const CHUNK = 64 * 1024;

/**
 * Serves one MP4 on a loopback port, with ranges.
 *
 * @param bytesPerSecond shared by all connections, so that more connections are not faster
 */
export async function serveVideo(file: string, bytesPerSecond: number): Promise<Origin> {
  const { size } = await stat(file);
  const pace = pacer(bytesPerSecond);
  const path = `/${basename(file)}`;
  const server = createServer((request, response) => {
    if (request.url !== path) {
      response.writeHead(404).end();
      return;
    }
    send(file, size, pace, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    url: `http://${host}${path}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function send(
  file: string,
  size: number,
  pace: (bytes: number) => Promise<void>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
  const start = Number(from ?? 0);
  const end = Math.min(size - 1, to ? Number(to) : size - 1);
  if (start > end) {
    response.writeHead(416, { "content-range": `bytes */${size}` }).end();
    return;
  }
  response.writeHead(from === undefined ? 200 : 206, {
    "content-type": "video/mp4",
    "accept-ranges": "bytes",
    etag: `"${size}"`,
    "content-length": end - start + 1,
    ...(from !== undefined && { "content-range": `bytes ${start}-${end}/${size}` }),
  });
  if (request.method !== "HEAD") {
    await using handle = await open(file);
    for (let at = start; at <= end && !response.destroyed; at += CHUNK) {
      const chunk = Buffer.alloc(Math.min(CHUNK, end - at + 1));
      await handle.read(chunk, 0, chunk.length, at);
      await pace(chunk.length);
      response.write(chunk);
    }
  }
  response.end();
}

/** Resolves when the bytes may be sent. */
function pacer(bytesPerSecond: number): (bytes: number) => Promise<void> {
  let busyUntil = 0;
  return async (bytes) => {
    busyUntil = Math.max(busyUntil, Date.now()) + (bytes / bytesPerSecond) * 1000;
    await sleep(busyUntil - Date.now());
  };
}
