/**
 * A media server as a program of its own: the files of a folder, with ranges. `/fast/…` has no limit, `/capped/…`
 * limits each connection, `/shaped/…` limits all connections together.
 */
import { open, stat } from "node:fs/promises";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { extname, join, normalize } from "node:path";
import { createPace, type Pace } from "./pace.ts";
import { CAPPED_RATE, SHAPED_RATE } from "./rates.ts";
import { listenTwice, tlsFiles } from "./server-process.ts";

const CHUNK = 256 << 10;

const TYPES: Readonly<Record<string, string>> = {
  ".mp4": "video/mp4",
  ".m4a": "audio/mp4",
  ".m4s": "video/iso.segment",
  ".m3u8": "application/vnd.apple.mpegurl",
  ".mpd": "application/dash+xml",
  ".ts": "video/mp2t",
};

const [folder = ".", ...files] = process.argv.slice(2);
const unlimited: Pace = async () => {};
const shaped = createPace(SHAPED_RATE);
const byConnection = new WeakMap<object, Pace>();

/** Each connection has its own limit, however many requests it carries. */
function capped(connection: object): Pace {
  const known = byConnection.get(connection) ?? createPace(CAPPED_RATE);
  byConnection.set(connection, known);
  return known;
}

function paceOf(line: string, request: IncomingMessage): Pace {
  if (line === "capped") return capped(request.socket);
  return line === "shaped" ? shaped : unlimited;
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, line = "", ...rest] =
    decodeURIComponent(request.url ?? "/")
      .split("?")[0]
      ?.split("/") ?? [];
  const path = join(folder, normalize(`/${rest.join("/")}`));
  const facts = await stat(path).catch(() => null);
  if (!facts?.isFile()) {
    response.writeHead(404).end();
    return;
  }
  const { size } = facts;
  const asked = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  const start = Number(asked?.[1] ?? 0);
  const end = asked?.[2] ? Math.min(size, Number(asked[2]) + 1) : size;
  response.writeHead(asked ? 206 : 200, {
    "accept-ranges": "bytes",
    "content-type": TYPES[extname(path)] ?? "application/octet-stream",
    "content-length": end - start,
    etag: `"${size}-${facts.mtimeMs}"`,
    ...(asked ? { "content-range": `bytes ${start}-${end - 1}/${size}` } : {}),
  });
  if (request.method === "HEAD") response.end();
  else await send(path, start, end, paceOf(line, request), response);
}

/** Reads into the same buffer every time, so that this server only spends time on copying. */
async function send(
  path: string,
  start: number,
  end: number,
  pace: Pace,
  response: ServerResponse,
): Promise<void> {
  const file = await open(path);
  let [current, other] = [Buffer.allocUnsafeSlow(CHUNK), Buffer.allocUnsafeSlow(CHUNK)];
  let written: Promise<void> = Promise.resolve();
  try {
    for (let at = start; at < end && !response.destroyed; ) {
      const { bytesRead } = await file.read(current, 0, Math.min(CHUNK, end - at), at);
      await pace(bytesRead);
      await written;
      written = write(response, current.subarray(0, bytesRead));
      [current, other] = [other, current];
      at += bytesRead;
    }
    await written;
  } finally {
    await file.close();
  }
  response.end();
}

/** Resolves when the system accepted the bytes, or the reader disconnected. */
function write(response: ServerResponse, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    if (response.destroyed) return resolve();
    const done = () => {
      response.off("close", done);
      resolve();
    };
    response.once("close", done);
    response.write(bytes, done);
  });
}

const answer: RequestListener = (request, response) => {
  serve(request, response).catch(() => response.destroy());
};
listenTwice({ keepAliveTimeout: 60_000 }, answer, tlsFiles(files));
