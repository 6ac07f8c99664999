import { fork } from "node:child_process";
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

/** A server of a bench in a process of its own, so that its work is not counted for another one. */
export interface ServerProcess {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  /** `127.0.0.1:port`, the form for `ALLOWED_PRIVATE_HOSTS`. */
  readonly host: string;
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
  const host = `127.0.0.1:${reported[0] as number}`;
  return {
    host,
    url: `http://${host}`,
    stop: async () => {
      child.disconnect();
      await exited;
    },
  };
}

/** For such a program: listens on a free loopback port, reports it, and ends with the process that started it. */
export function listenAndReport(server: Server): void {
  process.once("disconnect", () => process.exit(0));
  // Ctrl-C reaches the whole group; the parent process ends this one after its own work
  process.on("SIGINT", () => {});
  server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
}
