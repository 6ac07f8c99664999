import { existsSync, readFileSync } from "node:fs";
import http, { type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { extname, join, normalize } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import zlib from "node:zlib";
import { listen } from "./ports.ts";

/** A request for a file that exists, and what an ordinary server would respond. */
export interface Asked {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly file: Buffer;
  readonly type: string;
  readonly isPlaylist: boolean;
  /** The requested range, cut to the file; null for none. */
  readonly range: { readonly start: number; readonly end: number; readonly askedEnd: number } | null;
  /** Requests for this path so far, including this one. */
  readonly hit: number;
  /** Responses that are being sent, including this one. */
  readonly active: number;
}

export type Behaviour = (asked: Asked) => void | Promise<void>;

const TYPES: Readonly<Record<string, string>> = {
  ".mp4": "video/mp4",
  ".m4s": "video/iso.segment",
  ".ts": "video/mp2t",
  ".m3u8": "application/vnd.apple.mpegurl",
  ".mpd": "application/dash+xml",
};
const CHUNK_BYTES = 16 << 10;

/** A file server that handles each request as the test says. */
export class OddServer {
  url = "";
  host = "";
  readonly #hits = new Map<string, number>();
  readonly #root: string;
  readonly #behave: Behaviour;
  readonly #server: http.Server;
  #active = 0;

  constructor(root: string, behave: Behaviour, maxSockets = Number.POSITIVE_INFINITY) {
    this.#root = root;
    this.#behave = behave;
    this.#server = http.createServer((request, response) => void this.#onRequest(request, response));
    const sockets = new Set<Socket>();
    this.#server.on("connection", (socket) => {
      if (sockets.size >= maxSockets) {
        socket.resetAndDestroy();
        return;
      }
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    });
  }

  async start(): Promise<this> {
    this.host = `127.0.0.1:${await listen(this.#server)}`;
    this.url = `http://${this.host}`;
    return this;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? "/", "http://odd");
    const path = normalize(decodeURIComponent(pathname));
    const name = join(this.#root, path);
    response.on("error", () => {});
    if (extname(path) === "" || !existsSync(name)) return void response.writeHead(404).end();
    const hit = (this.#hits.get(path) ?? 0) + 1;
    this.#hits.set(path, hit);
    this.#active++;
    response.once("close", () => this.#active--);
    const file = readFileSync(name);
    const type = TYPES[extname(path)] ?? "application/octet-stream";
    const isPlaylist = /\.(m3u8|mpd)$/.test(path);
    const range = rangeOf(request.headers.range, file.length);
    try {
      await this.#behave({
        ...{ request, response, path, file, type, isPlaylist },
        ...{ range, hit, active: this.#active },
      });
    } catch {
      response.destroy();
    }
  }
}

function rangeOf(header: string | undefined, size: number) {
  const match = /^bytes=(\d+)-(\d*)$/.exec(header ?? "");
  if (!match) return null;
  const askedEnd = match[2] === "" ? size : Number(match[2]) + 1;
  return { start: Number(match[1]), end: Math.min(size, askedEnd), askedEnd };
}

export interface Sent {
  /** They override the usual ones; undefined leaves one out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly noRanges?: boolean;
  /** Ends the connection after this many bytes of the body. */
  readonly cutAfter?: number;
  /** Delay between two chunks, so that responses are sent in parallel. */
  readonly pauseMs?: number;
}

/** What an ordinary server sends, except for the given differences. */
export async function send(asked: Asked, sent: Sent = {}): Promise<void> {
  const { request, response, file, type } = asked;
  const range = sent.noRanges ? null : asked.range;
  if (range && range.start >= file.length) {
    response.writeHead(416, { "content-range": `bytes */${file.length}` }).end();
    return;
  }
  const { start, end } = range ?? { start: 0, end: file.length };
  const headers: OutgoingHttpHeaders = {
    "content-type": type,
    "content-length": end - start,
    ...(sent.noRanges ? {} : { "accept-ranges": "bytes" }),
    ...(range ? { "content-range": `bytes ${start}-${end - 1}/${file.length}` } : {}),
    ...sent.headers,
  };
  const said = Object.entries(headers).filter(([, value]) => value !== undefined);
  response.writeHead(range ? 206 : 200, Object.fromEntries(said));
  if (request.method === "HEAD") return void response.end();
  const body = file.subarray(start, end);
  const limit = sent.cutAfter ?? body.length;
  for (let at = 0; at < Math.min(limit, body.length); at += CHUNK_BYTES) {
    if (response.destroyed) return;
    const chunk = body.subarray(at, Math.min(limit, at + CHUNK_BYTES));
    await new Promise<void>((resolve) => response.write(chunk, () => resolve()));
    // a small file is sent at once
    if (sent.pauseMs && at + CHUNK_BYTES < body.length) await pause(sent.pauseMs);
  }
  if (limit < body.length) response.socket?.destroySoon();
  else response.end();
}

/** Sends the whole file compressed, as it was stored. */
export function sendCompressed({ request, response, file, type }: Asked, coding: string): void {
  const body = coding.split(/, */).reduce((bytes, name) => COMPRESS[name]?.(bytes) ?? bytes, file);
  response.writeHead(200, {
    "content-type": type,
    "content-encoding": coding,
    "content-length": body.length,
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

const COMPRESS: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  gzip: (bytes) => zlib.gzipSync(bytes),
  deflate: (bytes) => zlib.deflateSync(bytes),
  br: (bytes) => zlib.brotliCompressSync(bytes, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 3 } }),
  zstd: (bytes) => zlib.zstdCompressSync(bytes),
};

/** Raw deflate under the name that the standard gives to the one with a header, as many servers send it. */
export function sendRawDeflate({ request, response, file, type }: Asked): void {
  const body = zlib.deflateRawSync(file);
  response.writeHead(200, { "content-type": type, "content-encoding": "deflate" });
  response.end(request.method === "HEAD" ? undefined : body);
}

export function refuse({ response }: Asked, status: number, headers: OutgoingHttpHeaders = {}): void {
  response.writeHead(status, { "content-type": "text/plain", ...headers }).end(`status ${status}`);
}
