import { createHash } from "node:crypto";
import { createReadStream, type Stats } from "node:fs";
import { stat } from "node:fs/promises";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import { extname, join, normalize } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { HTML_WITH_MEDIA, HTML_WITHOUT_MEDIA } from "./html-pages.ts";
import { listen } from "./ports.ts";

/** How a path misbehaves. Everything is off by default. */
export interface Behaviour {
  /** Bytes per second of each connection. */
  readonly bytesPerSecond?: number;
  /** Range requests get the whole file with 200. */
  readonly noRanges?: boolean;
  /** A 206 with a different range: shifted by one byte (`late`: except for the beginning), or of unknown size. */
  readonly lie?: "shifted" | "late" | "unknown-size";
  /** Announces the full length, sends only this many bytes of each response and ends the connection. */
  readonly truncateAfter?: number;
  /** Cuts the connection after this many bytes of a response, for the first `resets` responses (default: all). */
  readonly resetAfter?: number;
  readonly resets?: number;
  /** Answers this status instead of the file, for the first `times` requests (default: all). */
  readonly status?: number;
  readonly times?: number;
  readonly retryAfterSeconds?: number;
  /** Cookie pair that must be sent; otherwise 403. */
  readonly cookie?: string;
  /** Sends no length: chunked. */
  readonly noLength?: boolean;
  /** Sends a different ETag, as if the file had changed, from this request on (1 is the first). */
  readonly changeAt?: number;
  /** Sent with each response; they override the usual ones. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Accepts the request and never answers. */
  readonly hang?: boolean;
}

export interface OriginOptions {
  /** Folder whose files are served. */
  readonly root?: string;
  /** Served instead of files, by path. */
  readonly bodies?: Readonly<Record<string, Buffer>>;
  /** Misbehaviour by path; the longest matching prefix counts. */
  readonly behaviour?: Readonly<Record<string, Behaviour>>;
}

export interface Origin {
  /** `http://127.0.0.1:port`, no slash at the end. */
  readonly url: string;
  /** `127.0.0.1:port`, as `ALLOWED_PRIVATE_HOSTS` wants it. */
  readonly host: string;
  /** Requests by path. */
  readonly hits: ReadonlyMap<string, number>;
  /** Body bytes sent by path. */
  readonly bytes: ReadonlyMap<string, number>;
  /** Requests in order, with their range. */
  readonly requests: readonly {
    readonly path: string;
    readonly range: string;
    readonly method: string;
    readonly userAgent: string;
  }[];
  /** Connections accepted so far. */
  readonly connections: number;
  /** Responses being sent right now, and the most at once. */
  readonly active: { readonly now: number; readonly peak: number };
  /** Changes how a path behaves from now on. */
  behave(path: string, behaviour: Behaviour): void;
  /** Serves these bytes under a path from now on. */
  put(path: string, body: Buffer): void;
  /** Resolves with the next request for a path, or at once when there was one already. */
  waitForHit(path: string): Promise<void>;
  /** Resolves when no response is being sent. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/**
 * A media site on loopback. Besides files it knows `/status/<code>`, `/redirect?to=<url>`, `/page.html` (a page with
 * og:video, JSON-LD and title that names `/direct.mp4`) and `/empty.html` (a page without media).
 */
export async function startOrigin(options: OriginOptions = {}): Promise<Origin> {
  const site = new Site(options);
  await site.start();
  return site;
}

const TYPES: Readonly<Record<string, string>> = {
  ".mp4": "video/mp4",
  ".m4a": "audio/mp4",
  ".m4s": "video/iso.segment",
  ".webm": "video/webm",
  ".mp3": "audio/mpeg",
  ".mkv": "video/x-matroska",
  ".opus": "audio/ogg",
  ".ogg": "audio/ogg",
  ".flac": "audio/flac",
  ".m3u8": "application/vnd.apple.mpegurl",
  ".mpd": "application/dash+xml",
  ".ts": "video/mp2t",
  ".vtt": "text/vtt",
  ".srt": "application/x-subrip",
  ".html": "text/html; charset=utf-8",
  ".xml": "application/rss+xml",
  ".jpg": "image/jpeg",
};

class Site implements Origin {
  url = "";
  host = "";
  connections = 0;
  readonly active = { now: 0, peak: 0 };
  readonly hits = new Map<string, number>();
  readonly bytes = new Map<string, number>();
  readonly requests: { path: string; range: string; method: string; userAgent: string }[] = [];
  readonly #root: string | undefined;
  readonly #bodies: Map<string, Buffer>;
  readonly #behaviour: Map<string, Behaviour>;
  readonly #closing = new AbortController();
  readonly #server = http.createServer((request, response) => void this.#onRequest(request, response));
  readonly #waiters: { path: string | null; resolve: () => void }[] = [];

  constructor({ root, bodies = {}, behaviour = {} }: OriginOptions) {
    this.#root = root;
    this.#bodies = new Map(Object.entries(bodies));
    this.#behaviour = new Map(Object.entries(behaviour));
    this.#server.on("connection", () => this.connections++);
  }

  async start(): Promise<void> {
    this.host = `127.0.0.1:${await listen(this.#server)}`;
    this.url = `http://${this.host}`;
  }

  behave(path: string, behaviour: Behaviour): void {
    this.#behaviour.set(path, behaviour);
    this.hits.delete(path);
  }

  put(path: string, body: Buffer): void {
    this.#bodies.set(path, body);
  }

  async waitForHit(path: string): Promise<void> {
    if (this.hits.has(path)) return;
    await new Promise<void>((resolve) => this.#waiters.push({ path, resolve }));
  }

  async idle(): Promise<void> {
    if (this.active.now === 0) return;
    await new Promise<void>((resolve) => this.#waiters.push({ path: null, resolve }));
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://origin");
    const path = decodeURIComponent(pathname);
    const hit = (this.hits.get(path) ?? 0) + 1;
    this.hits.set(path, hit);
    const { range = "", "user-agent": userAgent = "" } = request.headers;
    this.requests.push({ path, range, method: request.method ?? "", userAgent });
    this.active.peak = Math.max(this.active.peak, ++this.active.now);
    response.once("close", () => {
      if (--this.active.now === 0) this.#wake(null);
    });
    this.#wake(path);
    try {
      await this.#serve(request, response, path, searchParams, hit);
    } catch {
      response.destroy();
    }
  }

  #wake(path: string | null): void {
    for (const waiter of this.#waiters.filter((candidate) => candidate.path === path)) {
      this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
      waiter.resolve();
    }
  }

  async #serve(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    query: URLSearchParams,
    hit: number,
  ): Promise<void> {
    const behaviour = this.#behaviourOf(path);
    if (behaviour.hang) return;
    if (behaviour.cookie && !(request.headers.cookie ?? "").split("; ").includes(behaviour.cookie)) {
      return respond(response, 403);
    }
    if (behaviour.status !== undefined && hit <= (behaviour.times ?? Number.POSITIVE_INFINITY)) {
      return respond(response, behaviour.status, behaviour.retryAfterSeconds);
    }
    const status = /^\/status\/(\d{3})$/.exec(path)?.[1];
    if (status) return respond(response, Number(status), status === "429" ? 7 : undefined);
    if (path === "/redirect") {
      response.writeHead(302, { location: query.get("to") ?? "/" }).end();
      return;
    }
    if (path === "/page.html") return html(response, HTML_WITH_MEDIA(this.url));
    if (path === "/empty.html") return html(response, HTML_WITHOUT_MEDIA);
    await this.#sendFile(request, response, path, behaviour, hit);
  }

  async #sendFile(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    behaviour: Behaviour,
    hit: number,
  ): Promise<void> {
    const file = await this.#find(path);
    if (!file) return respond(response, 404);
    const changed = behaviour.changeAt !== undefined && hit >= behaviour.changeAt;
    const etag = `"${file.tag}${changed ? "-changed" : ""}"`;
    const stale = request.headers["if-range"] !== undefined && request.headers["if-range"] !== etag;
    const wanted = behaviour.noRanges || stale ? null : rangeOf(request.headers.range, file.size);
    if (wanted === "unsatisfiable") {
      response.writeHead(416, { "content-range": `bytes */${file.size}` }).end();
      return;
    }
    const { start, end } = wanted ?? { start: 0, end: file.size };
    const isLate = behaviour.lie === "late" && start > 0;
    const shift = isLate ? -1 : behaviour.lie === "shifted" && end < file.size ? 1 : 0;
    const size = behaviour.lie === "unknown-size" ? "*" : file.size;
    response.writeHead(wanted ? 206 : 200, {
      "content-type": TYPES[extname(path)] ?? "application/octet-stream",
      etag,
      ...(behaviour.noLength ? {} : { "content-length": end - start }),
      ...(behaviour.noRanges ? {} : { "accept-ranges": "bytes" }),
      ...(wanted ? { "content-range": `bytes ${start + shift}-${end + shift - 1}/${size}` } : {}),
      ...(path.endsWith(".m3u8") ? { "cache-control": "no-store" } : {}),
      ...behaviour.headers,
    });
    if (request.method === "HEAD") {
      response.end();
      return;
    }
    await this.#sendBody(response, path, file.read(start + shift, end + shift), behaviour, hit);
  }

  async #sendBody(
    response: ServerResponse,
    path: string,
    body: AsyncIterable<Buffer>,
    behaviour: Behaviour,
    hit: number,
  ): Promise<void> {
    const isReset =
      behaviour.resetAfter !== undefined && hit <= (behaviour.resets ?? Number.POSITIVE_INFINITY);
    const limit = isReset ? behaviour.resetAfter : behaviour.truncateAfter;
    let sent = 0;
    for await (const whole of body) {
      const chunk = whole.subarray(0, limit === undefined ? whole.length : Math.max(0, limit - sent));
      sent += chunk.length;
      this.bytes.set(path, (this.bytes.get(path) ?? 0) + chunk.length);
      if (response.destroyed) return;
      if (!response.write(chunk)) await drained(response);
      if (behaviour.bytesPerSecond) {
        await pause((1000 * chunk.length) / behaviour.bytesPerSecond, undefined, {
          signal: this.#closing.signal,
        });
      }
      if (limit !== undefined && sent >= limit) {
        // what was written must leave before the connection is cut
        await new Promise<void>((resolve) => response.write("", () => resolve()));
        response.socket?.[isReset ? "resetAndDestroy" : "destroySoon"]();
        return;
      }
    }
    response.end();
  }

  #behaviourOf(path: string): Behaviour {
    const prefixes = [...this.#behaviour.keys()].filter((prefix) => path.startsWith(prefix));
    const longest = prefixes.sort((a, b) => b.length - a.length)[0];
    return (longest !== undefined && this.#behaviour.get(longest)) || {};
  }

  async #find(path: string): Promise<ServedFile | null> {
    const body = this.#bodies.get(path);
    if (body) return inMemory(body);
    if (this.#root === undefined) return null;
    const name = join(this.#root, normalize(`/${path}`));
    const facts = await stat(name).catch(() => null);
    return facts?.isFile() ? onDisk(name, facts) : null;
  }
}

interface ServedFile {
  readonly size: number;
  readonly tag: string;
  read(start: number, end: number): AsyncIterable<Buffer>;
}

const CHUNK = 64 << 10;

function inMemory(body: Buffer): ServedFile {
  return {
    size: body.length,
    tag: createHash("sha1").update(body).digest("hex"),
    async *read(start, end) {
      for (let at = start; at < end; at += CHUNK) yield body.subarray(at, Math.min(end, at + CHUNK));
    },
  };
}

const onDisk = (name: string, facts: Stats): ServedFile => ({
  size: facts.size,
  tag: `${facts.size}-${facts.mtimeMs}`,
  read: (start, end) =>
    start === end
      ? inMemory(Buffer.alloc(0)).read(0, 0)
      : createReadStream(name, { start, end: end - 1, highWaterMark: 4 * CHUNK }),
});

function rangeOf(header: string | undefined, size: number) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (!match) return null;
  const start = match[1] === "" ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const end = match[1] === "" || match[2] === "" ? size : Math.min(size, Number(match[2]) + 1);
  return start < end ? { start, end } : ("unsatisfiable" as const);
}

function respond(response: ServerResponse, status: number, retryAfterSeconds?: number): void {
  const headers = retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) };
  response.writeHead(status, { "content-type": "text/plain", ...headers }).end(`status ${status}`);
}

function html(response: ServerResponse, text: string): void {
  response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(text);
}

/** Resolves when the client took what was written, or disconnected. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.on("drain", done).on("close", done);
  });
}
