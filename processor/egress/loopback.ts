import type { IncomingMessage, ServerResponse } from "node:http";
import { Fault } from "../fault.ts";
import type { HlsSource } from "../hls/source.ts";
import type { MountHandler } from "./proxy.ts";
import type { RangeSource, ReadOptions } from "./range-source.ts";
import type { SegmentSource } from "./segment-source.ts";

/** Called with the reason why a tool was cut off: the tool itself only sees a broken connection. */
export type OnFailure = (fault: Fault) => void;

/** How much of a source is read for a tool that may disconnect at any time. */
export interface Pace extends Pick<ReadOptions, "chunkBytes"> {
  /**
   * Largest response to one request, because data in the buffers of a connection is wasted when the tool disconnects.
   * The tool must request the rest when a response ends early.
   */
  readonly responseBytes?: number;
}

/**
 * Serves a source to a tool as one file, for any path: seekable if the source is, else readable from its beginning.
 *
 * @param pace for tools that will not read to the end
 * @example const { baseUrl } = proxy.mount(serveRangeSource(source, (fault) => (failure ??= fault)));
 */
export function serveRangeSource(
  source: RangeSource,
  onFailure: OnFailure,
  { responseBytes = Number.POSITIVE_INFINITY, ...pace }: Pace = {},
): MountHandler {
  return handler(onFailure, async (request, response, signal) => {
    const size = source.sizeBytes;
    const seekable = source.rangesWork && size !== undefined;
    const range = seekable ? parseRange(request.headers.range, size) : null;
    if (range === "unsatisfiable") {
      response.writeHead(416, { "content-range": `bytes */${size}` }).end();
      return;
    }
    const { start } = range ?? { start: 0 };
    const end = range ? Math.min(range.end, start + responseBytes) : size;
    response.writeHead(range ? 206 : 200, {
      "content-type": source.contentType ?? "application/octet-stream",
      ...(end === undefined ? {} : { "content-length": end - start }),
      ...(seekable ? { "accept-ranges": "bytes" } : {}),
      ...(range ? { "content-range": `bytes ${start}-${(end ?? 0) - 1}/${size}` } : {}),
    });
    if (request.method === "HEAD") response.end();
    else
      await send(
        response,
        source.read({ ...pace, start, ...(end === undefined ? {} : { end }), signal, borrowed: true }),
      );
  });
}

/** Serves fragments to a tool as one stream without a length, readable from its beginning. */
export function serveSegmentSource(source: SegmentSource, onFailure: OnFailure): MountHandler {
  return handler(onFailure, async (request, response, signal) => {
    response.writeHead(200, { "content-type": "application/octet-stream" });
    if (request.method === "HEAD") response.end();
    else await send(response, source.read(signal, true));
  });
}

/** Serves an HLS presentation to a tool: its playlists and segments under their paths. */
export function serveHlsSource(source: HlsSource, onFailure: OnFailure): MountHandler {
  return handler(onFailure, async (request, response, signal) => {
    const reply = await source.open(request.url ?? "", signal, true);
    if (!reply) {
      response.writeHead(404).end();
    } else if (reply.kind === "playlist") {
      response.writeHead(200, {
        "content-type": "application/vnd.apple.mpegurl",
        "content-length": Buffer.byteLength(reply.text),
      });
      response.end(request.method === "HEAD" ? undefined : reply.text);
    } else {
      await sendOnceStarted(response, reply.body);
    }
  });
}

type Serve = (request: IncomingMessage, response: ServerResponse, signal: AbortSignal) => Promise<void>;

/** Stops the work when the reader disconnects, and shows the reader a failure by breaking the connection. */
function handler(onFailure: OnFailure, serve: Serve): MountHandler {
  return (request, response) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.writeHead(405).end();
      return;
    }
    const left = new AbortController();
    response.once("close", () => left.abort(new Error("the reader left")));
    response.on("error", () => {});
    serve(request, response, left.signal).catch((error: unknown) => {
      if (left.signal.aborted) return;
      onFailure(Fault.from(error, "network"));
      if (response.headersSent) response.destroy();
      else response.writeHead(502).end();
    });
  };
}

/** Writes a body as fast as its reader accepts it. A batch is requested when the previous one is no longer needed. */
async function send(response: ServerResponse, batches: AsyncIterable<Buffer[]>): Promise<void> {
  for await (const batch of batches) {
    await write(response, batch);
    if (response.destroyed) return;
  }
  response.end();
}

/** Resolves when the reader's system accepted everything, or the reader disconnected. */
function write(response: ServerResponse, batch: readonly Buffer[]): Promise<void> {
  // Node reports an empty chunk as written before those in front of it
  const chunks = batch.filter(({ length }) => length > 0);
  return new Promise((resolve) => {
    if (response.destroyed || chunks.length === 0) return resolve();
    const done = () => {
      response.off("close", done);
      resolve();
    };
    response.once("close", done);
    response.cork();
    for (const chunk of chunks) response.write(chunk, chunk === chunks.at(-1) ? done : undefined);
    response.uncork();
  });
}

/** The first bytes decide the status, so that a segment that cannot be fetched is a failed request, not an empty one. */
async function sendOnceStarted(response: ServerResponse, body: AsyncIterable<Buffer[]>): Promise<void> {
  const batches = body[Symbol.asyncIterator]();
  const first = await batches.next();
  response.writeHead(200, { "content-type": "application/octet-stream" });
  if (!first.done) await write(response, first.value);
  await send(response, { [Symbol.asyncIterator]: () => batches });
}

interface WantedRange {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/** One range, as players send it; null for none or one that must be ignored. */
function parseRange(header: string | undefined, size: number): WantedRange | "unsatisfiable" | null {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (!match || (match[1] === "" && match[2] === "")) return null;
  const start = match[1] === "" ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const end = match[1] === "" || match[2] === "" ? size : Math.min(size, Number(match[2]) + 1);
  return start < end ? { start, end } : "unsatisfiable";
}
