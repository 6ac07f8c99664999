import http from "node:http";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { listen } from "./ports.ts";

/** What to do with one request; `pass` forwards it. */
export type Disturbance =
  | "pass"
  /** The connection is cut before the request reaches the server. */
  | "cut"
  /** The request is executed, but its response is lost. */
  | "lose-answer"
  /** This response is returned instead of asking the server. */
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  /** The request is held until this settles, then forwarded. */
  | { readonly until: Promise<unknown> };

export interface FaultyProxy {
  readonly origin: string;
  /** Requests as `METHOD path?query`, in order of arrival. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

/**
 * A reverse proxy that disturbs requests on their way to a real server. The `Host` header is kept as the client signed
 * it for `target`, so signatures stay valid when the client signs for the proxy's own origin.
 */
export async function startFaultyProxy(
  target: string,
  disturb: (request: string, headers: http.IncomingHttpHeaders) => Disturbance,
): Promise<FaultyProxy> {
  const requests: string[] = [];
  const agent = new http.Agent({ keepAlive: true });
  const server = http.createServer(async (req, res) => {
    const request = `${req.method} ${req.url}`;
    requests.push(request);
    const disturbance = disturb(request, req.headers);
    if (disturbance === "cut") return void req.socket.destroy();
    if (typeof disturbance === "object" && "status" in disturbance) {
      req.resume();
      res.writeHead(disturbance.status, disturbance.headers ?? {});
      return void res.end(disturbance.body ?? "");
    }
    // the body is read while the request is held: otherwise the proxy would not see that the client has gone
    const body = typeof disturbance === "object" ? await readWhileHeld(req, disturbance.until) : req;
    // nothing is forwarded for a client that went away while it was held
    if (body === null || req.socket.destroyed) return;
    const { hostname, port } = new URL(target);
    const upstream = http.request({
      agent,
      hostname,
      port,
      method: req.method,
      path: req.url,
      headers: req.headers,
    });
    upstream.on("error", () => res.destroy());
    upstream.on("response", (response) => {
      if (disturbance === "lose-answer") {
        response.resume();
        response.on("end", () => req.socket.destroy());
        return;
      }
      res.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(res);
    });
    req.on("error", () => upstream.destroy());
    res.on("close", () => upstream.destroy());
    body.pipe(upstream);
  });
  const port = await listen(server);
  return {
    origin: `http://127.0.0.1:${port}`,
    requests,
    async close() {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** @returns null when the client went away before it had sent everything */
async function readWhileHeld(req: http.IncomingMessage, until: Promise<unknown>): Promise<Readable | null> {
  const [body] = await Promise.all([buffer(req).catch(() => null), until]);
  return body === null ? null : Readable.from([body], { objectMode: false });
}
