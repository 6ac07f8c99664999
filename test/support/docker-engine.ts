import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./ports.ts";

/**
 * Replaces a Docker engine: implements as much of its HTTP API as the local platform uses, and runs a Node program in
 * place of each container. What the platform requests is undocumented and depends on the pinned version.
 */
export interface DockerEngine {
  /** For the environment of the process that starts the platform. */
  readonly env: { readonly DOCKER_HOST: string; readonly WRANGLER_DOCKER_BIN: string };
  /** Process ids of the programs that run, in the order of their start. */
  pids(): number[];
  /** Signals that containers were sent, in order. */
  readonly signals: readonly string[];
  close(): Promise<void>;
}

interface CreateRequest {
  readonly Env?: readonly string[];
  readonly ExposedPorts?: Readonly<Record<string, unknown>>;
}

/** A reply of the API: a status and a JSON body. */
type Reply = readonly [status: number, body?: unknown];

const NOT_FOUND: Reply = [404, { message: "no such container" }];
const IMAGE = "sha256:deadbeef";
const DEFAULT_PORT = "8080/tcp";

/** What the platform uses the command line for: to build an image, and to inspect it. */
const CLI = `#!/bin/sh
case "$*" in
  build*) cat > /dev/null ;;
  *SecurityOptions*) echo '[]' ;;
  *"image inspect"*) echo '[{"Id":"${IMAGE}","Config":{"ExposedPorts":{"${DEFAULT_PORT}":{}}}}]' ;;
esac
`;

/** @param program the Node program that runs in place of the image; it listens on PORT */
export async function startDockerEngine(program: string): Promise<DockerEngine> {
  const folder = await mkdtemp(join(tmpdir(), "docker-"));
  const socket = join(folder, "engine.sock");
  const cli = join(folder, "docker");
  await writeFile(cli, CLI, { mode: 0o755 });
  const containers = new Map<string, Container>();
  const signals: string[] = [];

  const routes: [
    method: string,
    path: RegExp,
    reply: (name: string, url: URL, body: string) => Promise<Reply>,
  ][] = [
    ["GET", /^\/version$/, async () => [200, { Version: "28.0.0", ApiVersion: "1.47" }]],
    ["GET", /^\/info$/, async () => [200, { OSType: "linux" }]],
    ["GET", /^\/volumes$/, async () => [200, { Volumes: [] }]],
    ["GET", /^\/images\//, async () => [200, { Id: IMAGE }]],
    [
      "GET",
      /^\/networks\/bridge$/,
      async () => [
        200,
        { Name: "bridge", IPAM: { Config: [{ Subnet: "172.17.0.0/16", Gateway: "172.17.0.1" }] } },
      ],
    ],
    [
      "POST",
      /^\/containers\/create$/,
      async (_, url, body) => {
        const name = url.searchParams.get("name") ?? "";
        const request = JSON.parse(body) as CreateRequest;
        // each container has a sidecar through which the platform reaches it
        const main = name.endsWith("-proxy") ? name.slice(0, -"-proxy".length) : null;
        const container =
          main === null
            ? new ProgramContainer(name, request, program)
            : new IngressContainer(name, request, () => containers.get(main));
        containers.set(name, container);
        return [201, { Id: name, Warnings: [] }];
      },
    ],
    [
      "GET",
      /^\/containers\/([^/]+)\/json$/,
      async (name) => found(name, (container) => [200, container.facts()]),
    ],
    ["PUT", /^\/containers\/([^/]+)\/archive$/, async () => [200]],
    [
      "POST",
      /^\/containers\/([^/]+)\/start$/,
      async (name) =>
        found(name, async (container) => {
          await container.start();
          return [204];
        }),
    ],
    [
      "POST",
      /^\/containers\/([^/]+)\/wait$/,
      async (name) => found(name, async (container) => [200, { StatusCode: await container.ended() }]),
    ],
    [
      "POST",
      /^\/containers\/([^/]+)\/(?:kill|stop)$/,
      async (name, url) =>
        found(name, (container) => {
          const signal = signalOf(
            url.pathname.endsWith("/stop") ? "SIGTERM" : (url.searchParams.get("signal") ?? "SIGKILL"),
          );
          if (container instanceof ProgramContainer) signals.push(signal);
          container.kill(signal);
          return [204];
        }),
    ],
    [
      "DELETE",
      /^\/containers\/([^/]+)$/,
      async (name) =>
        found(name, (container) => {
          container.kill("SIGKILL");
          containers.delete(name);
          return [204];
        }),
    ],
  ];

  async function found(name: string, act: (container: Container) => Reply | Promise<Reply>): Promise<Reply> {
    const container = containers.get(name);
    return container ? act(container) : NOT_FOUND;
  }

  const server = http.createServer(async (request, response) => {
    const url = new URL(request.url ?? "/", "http://engine");
    url.pathname = url.pathname.replace(/^\/v[\d.]+/, "");
    if (url.pathname === "/_ping") {
      response.end("OK");
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    for (const [method, path, reply] of routes) {
      const match = request.method === method ? path.exec(url.pathname) : null;
      if (!match) continue;
      const [status, body] = await reply(match[1] ?? "", url, Buffer.concat(chunks).toString("latin1"));
      response.writeHead(status, { "content-type": "application/json" });
      response.end(body === undefined ? "" : JSON.stringify(body));
      return;
    }
    response.writeHead(404, { "content-type": "application/json" }).end('{"message":"not implemented"}');
  });
  server.listen(socket);
  await once(server, "listening");

  return {
    env: { DOCKER_HOST: `unix://${socket}`, WRANGLER_DOCKER_BIN: cli },
    pids: () => [...containers.values()].flatMap((container) => container.pid ?? []),
    signals,
    async close() {
      for (const container of containers.values()) container.kill("SIGKILL");
      server.closeAllConnections();
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The platform names signals by their number too. */
const signalOf = (name: string): NodeJS.Signals =>
  name === "15" || name === "SIGTERM" ? "SIGTERM" : "SIGKILL";

interface Container {
  /** Of the program; undefined while none runs. */
  readonly pid: number | undefined;
  readonly port: number;
  readonly running: boolean;
  start(): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  /** Resolves to the exit code when the container is not running. */
  ended(): Promise<number>;
  /** What `inspect` reports. */
  facts(): unknown;
}

function factsOf(
  name: string,
  request: CreateRequest,
  { running, port }: Container,
  exitCode: number,
): unknown {
  const [exposed = DEFAULT_PORT] = Object.keys(request.ExposedPorts ?? {});
  return {
    Id: name,
    Name: `/${name}`,
    State: { Running: running, Status: running ? "running" : "exited", ExitCode: exitCode },
    Config: {},
    NetworkSettings: {
      IPAddress: "127.0.0.1",
      Ports: running ? { [exposed]: [{ HostIp: "127.0.0.1", HostPort: String(port) }] } : {},
    },
  };
}

/** Runs the program, with the environment that the container was created with. */
class ProgramContainer implements Container {
  port = 0;
  readonly #name: string;
  readonly #request: CreateRequest;
  readonly #program: string;
  #process: ChildProcess | null = null;
  #exitCode = 0;

  constructor(name: string, request: CreateRequest, program: string) {
    this.#name = name;
    this.#request = request;
    this.#program = program;
  }

  get running(): boolean {
    return this.#process !== null;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  async start(): Promise<void> {
    this.port = await freePort();
    const pairs = (this.#request.Env ?? []).map((pair) => [
      pair.slice(0, pair.indexOf("=")),
      pair.slice(pair.indexOf("=") + 1),
    ]);
    const child = spawn(process.execPath, [this.#program], {
      env: { PATH: process.env.PATH, ...Object.fromEntries(pairs), PORT: String(this.port) },
      stdio: "inherit",
    });
    this.#process = child;
    child.once("exit", (code) => {
      this.#process = null;
      this.#exitCode = code ?? 137;
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  async ended(): Promise<number> {
    if (this.#process) await once(this.#process, "exit");
    return this.#exitCode;
  }

  facts(): unknown {
    return factsOf(this.#name, this.#request, this, this.#exitCode);
  }
}

/** The sidecar of a container: `CONNECT` leads to the program's port. */
class IngressContainer implements Container {
  readonly pid = undefined;
  port = 0;
  readonly #name: string;
  readonly #request: CreateRequest;
  readonly #main: () => Container | undefined;
  #server: http.Server | null = null;

  constructor(name: string, request: CreateRequest, main: () => Container | undefined) {
    this.#name = name;
    this.#request = request;
    this.#main = main;
  }

  get running(): boolean {
    return this.#server !== null;
  }

  async start(): Promise<void> {
    const server = http.createServer((request, response) => {
      request.resume();
      if (request.url === "/ca")
        response.end("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
      else response.writeHead(request.url === "/egress" ? 200 : 502).end();
    });
    server.on("connect", (_request, client: net.Socket, head: Buffer) => this.#connect(client, head));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    this.port = (server.address() as net.AddressInfo).port;
    this.#server = server;
  }

  #connect(client: net.Socket, head: Buffer): void {
    const main = this.#main();
    const refuse = () => client.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
    client.on("error", () => {});
    if (!main?.running) {
      refuse();
      return;
    }
    const upstream = net.connect(main.port, "127.0.0.1", () => {
      client.write("HTTP/1.1 200 OK\r\n\r\n");
      upstream.write(head);
      upstream.pipe(client).pipe(upstream);
    });
    upstream.on("error", refuse);
    client.on("close", () => upstream.destroy());
  }

  kill(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
    this.#server = null;
  }

  async ended(): Promise<number> {
    if (this.#server) await once(this.#server, "close");
    return 0;
  }

  facts(): unknown {
    return factsOf(this.#name, this.#request, this, 0);
  }
}
