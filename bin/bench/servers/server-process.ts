import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type RequestListener, type Server, type ServerOptions } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

/** A server of a bench in a process of its own, so that its work is not counted for another one. */
export interface ServerProcess {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  /** `127.0.0.1:port`, the form for `ALLOWED_PRIVATE_HOSTS`. */
  readonly host: string;
  /** The same for a server that also speaks TLS; else null. */
  readonly tlsHost: string | null;
  stop(): Promise<void>;
}

/** Starts a program of this folder that ends with {@link listenAndReport}. */
export async function startServer(script: string, args: readonly string[] = []): Promise<ServerProcess> {
  const child = fork(join(import.meta.dirname, script), args, {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const exited = once(child, "exit");
  const reported = await Promise.race([once(child, "message"), exited.then(() => null)]);
  if (reported === null) throw new Error(`${script} ended before it listened`);
  const [port, tlsPort] = [reported[0]].flat() as number[];
  const host = `127.0.0.1:${port}`;
  return {
    host,
    tlsHost: tlsPort === undefined ? null : `127.0.0.1:${tlsPort}`,
    url: `http://${host}`,
    stop: async () => {
      child.disconnect();
      await exited;
    },
  };
}

/** For such a program: listens on a free loopback port, reports it, and ends with the process that started it. */
export function listenAndReport(server: Server): void {
  void listenAll([server]).then(([port]) => process.send?.(port));
}

/** Where the S3 server reports when each key got its first bytes since the last question: pairs of path and epoch milliseconds. */
export const FIRST_BYTES = "/first-bytes";

/** Files of a server's certificate and key. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/** @param files a certificate and its key, or nothing */
export const tlsFiles = ([cert, key]: readonly string[]): TlsFiles | null =>
  cert !== undefined && key !== undefined ? { cert, key } : null;

/** The same, without TLS and, given the files, with it on a second port. */
export function listenTwice(options: ServerOptions, answer: RequestListener, files: TlsFiles | null): void {
  const secured = files && { cert: readFileSync(files.cert), key: readFileSync(files.key) };
  const servers = [
    createServer(options, answer),
    ...(secured ? [createTlsServer({ ...options, ...secured }, answer)] : []),
  ];
  void listenAll(servers).then((ports) => process.send?.(ports));
}

async function listenAll(servers: readonly Server[]): Promise<number[]> {
  process.once("disconnect", () => process.exit(0));
  // Ctrl-C reaches the whole group; the parent process ends this one after its own work
  process.on("SIGINT", () => {});
  const listening = servers.map(async (server) => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  });
  return await Promise.all(listening);
}
