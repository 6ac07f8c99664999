/**
 * The time of the bare network, measured by a program that is already running: it reads a source through one plain
 * connection and discards it, and uploads as many bytes from memory.
 */
import { Agent, request as httpRequest, type RequestOptions } from "node:http";
import { request as httpsRequest, Agent as TlsAgent } from "node:https";
import type { FloorOrder } from "./floor-runner.ts";
import { serveOrders } from "./measuring-program.ts";

const PART = 8 << 20;
const PARTS_AT_ONCE = 4;
const part = Buffer.alloc(PART, 0x5a);
const agent = new Agent({ keepAlive: true });
const tlsAgent = new TlsAgent({ keepAlive: true });

/** Sends one request and discards its response. @returns the length of the response */
function exchange(url: string, options: RequestOptions, body?: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const isTls = url.startsWith("https:");
    const request = isTls ? httpsRequest : httpRequest;
    const outgoing = request(url, { agent: isTls ? tlsAgent : agent, ...options }, (incoming) => {
      let length = 0;
      incoming.on("data", (chunk: Buffer) => {
        length += chunk.length;
      });
      incoming.once("end", () => resolve(length)).once("error", reject);
    });
    outgoing.once("error", reject).end(body);
  });
}

async function download(urls: readonly string[]): Promise<number> {
  let length = 0;
  for (const url of urls) length += await exchange(url, {});
  return length;
}

async function upload(url: string, bytes: number): Promise<void> {
  let sent = 0;
  const sender = async () => {
    while (sent < bytes) {
      const body = part.subarray(0, Math.min(PART, bytes - sent));
      sent += body.length;
      await exchange(url, { method: "PUT", headers: { "content-length": body.length } }, body);
    }
  };
  await Promise.all(Array.from({ length: PARTS_AT_ONCE }, sender));
}

async function measure({ sources, store }: FloorOrder): Promise<number> {
  const startedAt = performance.now();
  const length = await download(sources);
  const downloaded = performance.now();
  await upload(store, length);
  return Math.max(downloaded - startedAt, performance.now() - downloaded);
}

serveOrders(measure);
