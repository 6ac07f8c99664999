import type { AddressInfo, Server } from "node:net";

export { freePort } from "../../bin/stack/ports.ts";

/** Starts a server on a free loopback port and returns the port. */
export function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}
