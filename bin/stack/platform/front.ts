import http, { type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { pipeline } from "node:stream";
import type { AddressRange } from "../../../schema/address-range.ts";
import { logLine } from "../../../schema/telemetry/log-line.ts";
import { clientAddressOf } from "./client-address.ts";
import type { LineWriter } from "./line-writer.ts";
import { STORAGE_PATH } from "./paths.ts";

/** Idle connections of callers and of the processor are kept this long. */
const IDLE_MS = 75_000;
/** What a client may take to send its request's headers. */
const HEADERS_MS = 30_000;
const MAX_HEADER_BYTES = 32 * 1024;

/** How long responses that are under way may take once the platform is asked to stop, in milliseconds. */
export const DRAIN_MS = 10_000;

export interface Front {
  readonly server: Server;
  /** Takes no more connections, ends event streams, and waits for the other responses, `ms` milliseconds at most. */
  drain(ms: number): Promise<void>;
}

export interface FrontOptions {
  /** Where the platform's Worker listens. */
  readonly target: URL;
  /** Reverse proxies whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly AddressRange[];
  /** Takes a line for each request that the Worker does not see and so does not log. */
  readonly log: LineWriter;
}

/**
 * The public entrance: passes requests on to the Worker and nothing else. The platform behind it takes commands by
 * headers and by CONNECT; neither gets past here. As Cloudflare does, it says where a request came from.
 */
export function createFront(options: FrontOptions): Front {
  const underWay = new Set<ServerResponse>();
  const agent = new http.Agent({ keepAlive: true, maxFreeSockets: 64 });
  const server = http.createServer(
    {
      keepAliveTimeout: IDLE_MS,
      headersTimeout: HEADERS_MS,
      // a part of a file may take as long as it takes
      requestTimeout: 0,
      maxHeaderSize: MAX_HEADER_BYTES,
      noDelay: true,
    },
    (request, response) => {
      underWay.add(response);
      response.once("close", () => underWay.delete(response));
      if (!logsItself(request)) logWhenOver(request, response, options.log);
      pass(request, response, agent, options);
    },
  );
  server.on("connect", (_request, socket) => {
    socket.on("error", () => socket.destroy());
    socket.end("HTTP/1.1 405 Method Not Allowed\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
  });
  server.once("close", () => agent.destroy());
  return { server, drain: (ms) => drain(server, underWay, ms) };
}

async function drain(server: Server, underWay: ReadonlySet<ServerResponse>, ms: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const response of underWay) {
    // a client of a stream resumes it elsewhere or later
    if (isEventStream(response)) response.destroy();
    else if (!response.headersSent) response.setHeader("connection", "close");
    else response.once("finish", () => response.req.socket.end());
  }
  server.closeIdleConnections();
  const tooLate = setTimeout(() => server.closeAllConnections(), ms);
  await closed;
  clearTimeout(tooLate);
}

const isEventStream = (response: ServerResponse): boolean =>
  response.headersSent && EVENT_STREAMS.has(response);
const EVENT_STREAMS = new WeakSet<ServerResponse>();

/** The Worker logs its own requests, with more facts. */
const logsItself = ({ url = "/" }: IncomingMessage): boolean =>
  url.startsWith("/") && !url.startsWith(`${STORAGE_PATH}/`);

/** Neither keys of files nor signatures get into the log. */
function logWhenOver(request: IncomingMessage, response: ServerResponse, log: LineWriter): void {
  const startedAt = performance.now();
  const route = request.url?.startsWith(STORAGE_PATH) ? `${STORAGE_PATH}/*` : "*";
  response.once("close", () => {
    const { statusCode: status } = response;
    const ms = Math.round(performance.now() - startedAt);
    log(logLine("worker", "request", { method: request.method, route, status, ms }, Date.now()));
  });
}

function pass(
  request: IncomingMessage,
  response: ServerResponse,
  agent: http.Agent,
  { target, trustedProxies }: FrontOptions,
): void {
  const { url = "/", method = "GET" } = request;
  // in absolute form the target's host would come from the path
  if (!url.startsWith("/") || request.headers.upgrade !== undefined || !hasOneHost(request)) {
    response.writeHead(400, { connection: "close" }).end();
    return;
  }
  const address = clientAddressOf(request, trustedProxies);
  const start = () => {
    const onward = http.request({
      host: target.hostname,
      port: target.port,
      agent,
      method,
      path: url,
      headers: [...passedHeaders(request.rawHeaders), ...(address === null ? [] : [CLIENT_ADDRESS, address])],
      setHost: false,
    });
    onward.once("response", (reply) => passReply(reply, response));
    onward.on("error", () => {
      if (response.headersSent) response.destroy();
      else response.writeHead(503, { "retry-after": "1", connection: "close" }).end();
    });
    response.once("close", () => onward.destroy());
    return onward;
  };
  if (!hasBody(request)) start().end();
  else if (isSmall(request)) collect(request, (body) => start().end(body));
  else pipeline(request, start(), () => {});
}

function passReply(reply: IncomingMessage, response: ServerResponse): void {
  const write = () => {
    const headers = reply.rawHeaders.filter((_, i, all) => !isOfConnection(all[i - (i % 2)] ?? ""));
    return response.writeHead(reply.statusCode ?? 502, reply.statusMessage ?? "", headers);
  };
  if (isSmall(reply)) {
    reply.once("error", () => response.destroy());
    collect(reply, (body) => write().end(body));
    return;
  }
  if (reply.headers["content-type"]?.startsWith("text/event-stream")) EVENT_STREAMS.add(response);
  write().flushHeaders();
  pipeline(reply, response, () => {});
}

/** Bodies up to this size go on in one piece with their head, which costs half as much as a stream, in bytes. */
const SMALL_BODY = 64 * 1024;

const isSmall = ({ headers }: IncomingMessage): boolean => Number(headers["content-length"]) <= SMALL_BODY;

/** @param then gets the whole body; it is not called for one that breaks off */
function collect(message: IncomingMessage, then: (body: Buffer) => void): void {
  const pieces: Buffer[] = [];
  message.on("data", (piece: Buffer) => pieces.push(piece));
  message.once("end", () => {
    const [only = Buffer.alloc(0), ...others] = pieces;
    then(others.length === 0 ? only : Buffer.concat(pieces));
  });
}

/** The platform makes each request's URL of it, and fails for what is none. */
function hasOneHost({ headersDistinct }: IncomingMessage): boolean {
  const [host = "", ...others] = headersDistinct.host ?? [];
  return others.length === 0 && /^[\w.:[\]-]+$/.test(host) && URL.canParse(`http://${host}`);
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;

const OF_CONNECTION: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "te",
  "trailer",
  "upgrade",
  "expect",
]);

function isOfConnection(name: string): boolean {
  const lower = name.toLowerCase();
  return OF_CONNECTION.has(lower) || lower.startsWith("proxy-");
}

const CLIENT_ADDRESS = "cf-connecting-ip";

/** What the platform takes for its own, and what Cloudflare's network alone may say. */
function isOfPlatform(name: string): boolean {
  const lower = name.toLowerCase();
  return lower.startsWith("mf-") || lower.startsWith("cf-") || lower === "x-forwarded-proto";
}

/** @param rawHeaders name, value, name, value … */
function passedHeaders(rawHeaders: readonly string[]): string[] {
  const passed: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const [name = "", value = ""] = [rawHeaders[i], rawHeaders[i + 1]];
    if (!isOfConnection(name) && !isOfPlatform(name)) passed.push(name, value);
  }
  return passed;
}
