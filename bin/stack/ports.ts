import { createServer } from "node:net";
import { StackError } from "./errors.ts";

const LOOPBACK = "127.0.0.1";

/** A loopback port that nobody listens on now. */
export const freePort = (): Promise<number> => probe(0);

/** @throws StackError when somebody listens on the port already */
export async function assertPortIsFree(port: number): Promise<void> {
  try {
    await probe(port);
  } catch {
    throw new StackError(`Port ${port} is in use. Set PORT to another one, for example PORT=${port + 1}.`);
  }
}

function probe(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, LOOPBACK, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : port));
    });
  });
}
