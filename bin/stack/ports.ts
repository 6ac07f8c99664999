import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { StackError } from "./errors.ts";

export const LOOPBACK = "127.0.0.1";

/** Where this machine itself reaches what listens on an address. @example ownAddress("0.0.0.0") // "127.0.0.1" */
export function ownAddress(host: string): string {
  if (host === "0.0.0.0" || host === "::" || host === "localhost") return LOOPBACK;
  return host.includes(":") ? `[${host}]` : host;
}

/**
 * Below the ports that systems give to outgoing connections and to servers that ask for any: those could take a free one before
 * its owner does.
 */
const [FIRST_PORT, END_PORT] = [20_000, 32_000];
const TRIES = 100;

/** A loopback port on which nothing listens now. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    try {
      return await probe(LOOPBACK, randomInt(FIRST_PORT, END_PORT));
    } catch (error) {
      if (!isInUse(error)) throw error;
    }
  }
  return await probe(LOOPBACK, 0);
}

const isInUse = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "EADDRINUSE";

/** @throws StackError when somebody listens on the port already, or the address is not this machine's */
export async function assertPortIsFree(host: string, port: number): Promise<void> {
  try {
    await probe(host, port);
  } catch (error) {
    if (!isInUse(error)) {
      throw new StackError(`Nothing can listen on ${host}, port ${port}: ${(error as Error).message}.`);
    }
    throw new StackError(`Port ${port} is in use. Set PORT to another one, for example PORT=${port + 1}.`);
  }
}

function probe(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, host, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : port));
    });
  });
}
