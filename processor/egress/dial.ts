import net, { type Socket } from "node:net";
import { SourceFault } from "../fault.ts";
import type { Address } from "./address.ts";
import type { ReadMemory } from "./read-memory.ts";

/** A peer that has not accepted a connection after this long counts as unreachable. */
const CONNECT_MS = 20_000;

/**
 * Connects to the first of `addresses` that answers (both families, as browsers do); never to anything else.
 *
 * @param memory what the connection reads into; none for a connection that is passed to TLS
 * @throws Fault `network`
 */
export function dialAddresses(
  addresses: readonly [Address, ...Address[]],
  port: number,
  memory?: ReadMemory,
): Promise<Socket> {
  const [first] = addresses;
  const socket = net.connect({
    // A literal address is dialled directly; several are passed through the lookup, which queries no resolver.
    host: addresses.length === 1 ? first.address : "judged",
    port,
    noDelay: true,
    autoSelectFamily: true,
    lookup: (_hostname, _options, callback) => callback(null, [...addresses]),
    ...(memory ? { onread: memory.options } : {}),
  });
  memory?.attach(socket);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(new Error("connecting took too long")), CONNECT_MS);
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.removeListener("error", onError);
      resolve(socket);
    });
    const onError = (error: Error) => {
      clearTimeout(timer);
      reject(new SourceFault("network", `${first.address}:${port}: ${error.message}`, { cause: error }));
    };
    socket.once("error", onError);
  });
}
