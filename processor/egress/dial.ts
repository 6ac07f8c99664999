import net, { type Socket, type TcpSocketConnectOpts } from "node:net";
import { SourceFault } from "../fault.ts";
import type { Address } from "./address.ts";
import type { ReadMemory } from "./connection/read-memory.ts";

/** A peer that has not accepted a connection after this long counts as unreachable. */
const CONNECT_MS = 20_000;

/** What a connection to the first of several addresses that answers is opened with; none of them is looked up. */
export const addressOptions = (addresses: readonly [Address, ...Address[]]): AddressOptions => ({
  autoSelectFamily: true,
  lookup: (_hostname, _options, callback) => callback(null, [...addresses]),
});

type AddressOptions = Required<Pick<TcpSocketConnectOpts, "autoSelectFamily" | "lookup">>;

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
    ...addressOptions(addresses),
    ...(memory ? { onread: memory.options } : {}),
  });
  memory?.attach(socket);
  return untilConnected(socket, `${first.address}:${port}`);
}

/**
 * Resolves with a connecting socket as soon as its peer has accepted the connection.
 *
 * @param name of the peer, for the failure
 * @throws Fault `network`
 */
export function untilConnected<S extends Socket>(socket: S, name: string): Promise<S> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(new Error("connecting took too long")), CONNECT_MS);
    const onError = (error: Error) => {
      clearTimeout(timer);
      reject(new SourceFault("network", `${name}: ${error.message}`, { cause: error }));
    };
    socket.once("error", onError);
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.removeListener("error", onError);
      resolve(socket);
    });
  });
}
