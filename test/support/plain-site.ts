import http, { type IncomingMessage, type ServerResponse } from "node:http";
import { listen } from "./ports.ts";

/** How a site answers for one path. */
export interface PlainPath {
  /** Default 200, or 206 for a range. */
  readonly status?: number;
  /** Sent as they are, besides length and range. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** Ranges get the whole file. */
  readonly noRanges?: boolean;
  /** Sends no length. */
  readonly noLength?: boolean;
  /** Without this cookie, there is only a page. */
  readonly cookie?: string;
}

export interface PlainSite {
  readonly url: string;
  readonly host: string;
  /** Requests so far: address and range. */
  readonly requests: { readonly target: string; readonly range: string | undefined }[];
  close(): Promise<void>;
}

/** A site that sends exactly the given headers, by the path as the request writes it. */
export async function startPlainSite(paths: Readonly<Record<string, PlainPath>>): Promise<PlainSite> {
  const requests: PlainSite["requests"] = [];
  const server = http.createServer((request, response) => {
    const target = request.url ?? "";
    requests.push({ target, range: request.headers.range });
    const path = paths[target.split("?")[0] ?? ""] ?? { status: 404 };
    const isLetIn = path.cookie === undefined || request.headers.cookie?.includes(path.cookie);
    respond(isLetIn ? path : LOGIN_PAGE, request, response);
  });
  const host = `127.0.0.1:${await listen(server)}`;
  return {
    ...{ url: `http://${host}`, host, requests },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const LOGIN_PAGE: PlainPath = {
  headers: { "content-type": "text/html" },
  body: Buffer.from("<!doctype html><title>Log in</title>"),
};

function respond(path: PlainPath, request: IncomingMessage, response: ServerResponse): void {
  const { body = Buffer.alloc(0), headers = {}, status = 200, noRanges, noLength } = path;
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  const isRange = range !== null && !noRanges && status === 200;
  const start = isRange ? Number(range[1]) : 0;
  const end = isRange && range[2] ? Math.min(body.length, Number(range[2]) + 1) : body.length;
  response.writeHead(isRange ? 206 : status, {
    ...headers,
    ...(noLength ? {} : { "content-length": String(end - start) }),
    ...(isRange ? { "content-range": `bytes ${start}-${end - 1}/${body.length}` } : {}),
  });
  response.end(body.subarray(start, end));
}
