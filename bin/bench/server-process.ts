import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** A server of a bench in a process of its own, so that its work is not counted as anybody else's. */
export interface ServerProcess {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  /** `127.0.0.1:port`, as `ALLOWED_PRIVATE_HOSTS` takes it. */
  readonly host: string;
  stop(): Promise<void>;
}

/** Starts a program of this folder that ends with {@link listenAndTell}. */
export async function startServer(script: string, args: readonly string[] = []): Promise<ServerProcess> {
  const child = fork(join(import.meta.dirname, script), args, {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const exited = once(child, "exit");
  const told = await Promise.race([once(child, "message"), exited.then(() => null)]);
  if (told === null) throw new Error(`${script} ended before it listened`);
  const host = `127.0.0.1:${told[0] as number}`;
  return {
    host,
    url: `http://${host}`,
    stop: async () => {
      child.disconnect();
      await exited;
    },
  };
}

/** Starts one of the programs in `servers.py`. @param args its name and what it takes */
export async function startQuickServer(...args: readonly (string | number)[]): Promise<ServerProcess> {
  const script = join(import.meta.dirname, "servers.py");
  const child = spawn("python3", [script, ...args.map(String)], {
    stdio: ["pipe", "pipe", "inherit"],
    // Ctrl-C reaches the whole group; whoever started this ends it after its own work
    detached: true,
  });
  const exited = once(child, "exit");
  const told = once(createInterface(child.stdout), "line") as Promise<[string]>;
  const [port] = await Promise.race([told, exited.then(() => [null])]);
  if (port === null) throw new Error(`${args[0]} ended before it listened`);
  const host = `127.0.0.1:${port}`;
  return {
    host,
    url: `http://${host}`,
    stop: async () => {
      child.stdin.end();
      await exited;
    },
  };
}

/** For a program of {@link startServer}: listens on a free loopback port, tells it, and ends with the process that started it. */
export function listenAndTell(server: Server): void {
  process.once("disconnect", () => process.exit(0));
  // Ctrl-C reaches the whole group; whoever started this ends it after its own work
  process.on("SIGINT", () => {});
  server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
}
