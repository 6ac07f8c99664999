import { randomBytes } from "node:crypto";
import { once } from "node:events";
import http, { type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Duplex, pipeline } from "node:stream";
import { Fault } from "../fault.ts";
import { refuseUpgrade } from "./connection/refuse-upgrade.ts";
import type { EgressPolicy } from "./policy.ts";
import { ExitError } from "./upstream/exit-error.ts";

/** Reason phrase of a refusal; in the error text of a tool it distinguishes the policy's 403 from a site's own. */
export const BLOCKED_REASON = "Egress Blocked";

/** Suffix of the names that exist only inside a proxy; the policy refuses it everywhere else. */
const MOUNT_SUFFIX = ".stream.internal";

/** Serves the requests for one mount; `request.url` is a path. */
export type MountHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** A host that only the clients of one proxy can reach. */
export interface Mount {
  /** `http://<random>.stream.internal`, without a trailing slash. */
  readonly baseUrl: string;
  close(): void;
}

/**
 * The loopback forward proxy that tools get as their only network access: absolute-form HTTP requests and CONNECT, each
 * judged by the policy. It costs one listening socket, so each run starts its own: its recorded refusals belong to that
 * run, and closing it cuts all connections of the run's tools.
 */
export class EgressProxy {
  /** `http://127.0.0.1:<port>`, for yt-dlp's `proxy` and ffmpeg's `http_proxy`. */
  readonly url: string;
  readonly #server: Server;
  readonly #policy: EgressPolicy;
  readonly #upstream: string | undefined;
  readonly #mounts = new Map<string, MountHandler>();
  readonly #tunnels = new Set<Duplex>();
  readonly #refusals: string[] = [];
  readonly #unknownHosts: string[] = [];
  #exitFailures = 0;

  /** @param options.upstream the operator's proxy, see `tunnelThrough` */
  static async start(
    policy: EgressPolicy,
    options: { upstream?: string | undefined } = {},
  ): Promise<EgressProxy> {
    const server = http.createServer({ requestTimeout: 0, keepAliveTimeout: 60_000 });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new EgressProxy(server, policy, options.upstream);
  }

  private constructor(server: Server, policy: EgressPolicy, upstream: string | undefined) {
    this.#server = server;
    this.#policy = policy;
    this.#upstream = upstream;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("request", (request, response) => this.#onRequest(request, response));
    server.on("connect", (request, socket, head) => void this.#onConnect(request, socket, head));
  }

  /**
   * Creates a host that only this proxy's clients can read and that `handler` serves in this process.
   *
   * @example proxy.mount((_request, response) => response.end("hi")).baseUrl // "http://3f…9a.stream.internal"
   */
  mount(handler: MountHandler): Mount {
    const host = `${randomBytes(16).toString("hex")}${MOUNT_SUFFIX}`;
    this.#mounts.set(host, handler);
    return { baseUrl: `http://${host}`, close: () => void this.#mounts.delete(host) };
  }

  /**
   * What this proxy refused, oldest first, as texts for logs.
   *
   * @param since number of refusals that the caller already knows: the length of an earlier result
   */
  blocked(since = 0): readonly string[] {
    return this.#refusals.slice(since);
  }

  /**
   * Hosts of connections that failed because their names do not exist; they cannot succeed later either.
   *
   * @param since as for {@link blocked}
   */
  unknownHosts(since = 0): readonly string[] {
    return this.#unknownHosts.slice(since);
  }

  /** Number of connections so far that failed because the operator's proxy did. */
  get exitFailures(): number {
    return this.#exitFailures;
  }

  /** Stops listening and cuts every connection. */
  async close(): Promise<void> {
    this.#mounts.clear();
    const closed = this.#server.listening ? once(this.#server, "close") : Promise.resolve();
    this.#server.close();
    this.#server.closeAllConnections();
    for (const tunnel of this.#tunnels) tunnel.destroy();
    await closed;
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const target = request.url ?? "";
    if (!/^http:\/\//i.test(target) || !URL.canParse(target)) {
      response.writeHead(400, "Proxy Request Expected").end();
      return;
    }
    const url = new URL(target);
    const handler = this.#mounts.get(url.hostname);
    if (handler) {
      request.url = url.pathname + url.search;
      handler(request, response);
    } else {
      this.#forward(url, request, response);
    }
  }

  #forward(url: URL, request: IncomingMessage, response: ServerResponse): void {
    const onward = http.request(url, {
      method: request.method ?? "GET",
      agent: this.#policy.agentFor("http:", this.#upstream),
      headers: endToEnd(request.rawHeaders),
      setHost: false,
      insecureHTTPParser: true,
    });
    refuseUpgrade(onward);
    onward.once("response", (reply) => {
      try {
        const headers = sendable(endToEnd(reply.rawHeaders));
        response.writeHead(reply.statusCode ?? 502, reply.statusMessage ?? "", headers);
      } catch (error) {
        // a status that no server may send
        reply.destroy();
        this.#responseFailure(Fault.from(error, "network"), response);
        return;
      }
      pipeline(reply, response, () => {});
    });
    onward.on("error", (error) => {
      if (response.headersSent) response.destroy();
      else this.#responseFailure(error, response);
    });
    response.once("close", () => onward.destroy());
    pipeline(request, onward, () => {});
  }

  #responseFailure(error: Error, response: ServerResponse): void {
    const [status, reason] = this.#verdictOn(error);
    response.writeHead(status, reason, { "content-length": "0" }).end();
  }

  /** Status and reason phrase for a connection that was not made; a refusal is remembered. */
  #verdictOn(error: unknown): [number, string] {
    const fault = Fault.from(error, "network");
    if (fault.code !== "egress_blocked") {
      if (fault.reportedCode === "host_not_found") this.#unknownHosts.push(fault.subject ?? "");
      if (fault instanceof ExitError) this.#exitFailures += 1;
      return [502, "Source Unreachable"];
    }
    this.#refusals.push(fault.detail ?? "");
    return [403, BLOCKED_REASON];
  }

  async #onConnect(request: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
    this.#tunnels.add(client);
    client.once("close", () => this.#tunnels.delete(client));
    client.on("error", () => client.destroy());
    const authority = /^(.+):(\d{1,5})$/.exec(request.url ?? "");
    if (!authority?.[1]) return void client.end("HTTP/1.1 400 Bad Request\r\n\r\n");
    try {
      const onward = await this.#policy.dial(authority[1], Number(authority[2]), this.#upstream);
      client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      if (head.length > 0) onward.write(head);
      // A tunnel that breaks off closes both sides, so nothing more can be reported.
      pipeline(client, onward, client, () => {
        onward.destroy();
        client.destroy();
      });
      if (client.destroyed) onward.destroy();
    } catch (error) {
      const [status, reason] = this.#verdictOn(error);
      client.end(`HTTP/1.1 ${status} ${reason}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
    }
  }
}

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Raw headers that Node sends on: in a content-disposition, which names a file, it throws for anything but UTF-8. */
const sendable = (rawHeaders: readonly string[]): string[] =>
  rawHeaders.map((text, i) => {
    const isFileName = i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === "content-disposition";
    return isFileName ? text.replace(/[^\t\x20-\x7e]/g, "_") : text;
  });

/** Raw headers (name, value, name, value …) without those that belong to one connection only. */
function endToEnd(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((_, i) => !HOP_BY_HOP.has((rawHeaders[i - (i % 2)] ?? "").toLowerCase()));
}
