import type { Socket } from "node:net";
import type { Address } from "../address.ts";
import { ExitError } from "./exit-error.ts";
import { connectByHttp } from "./http-connect.ts";
import { connectBySocks5 } from "./socks5.ts";

/** A proxy that has not connected after this long has failed. */
const CONNECT_MS = 20_000;

/**
 * Connects to the first of `addresses` that an exit's proxy reaches, at most one of each family, IPv4 first: many
 * proxies have no IPv6. The proxy gets judged addresses, so that it resolves no name a second time.
 *
 * @param proxyUrl `http`, `https` or `socks5`, `//[user:password@]host:port`; the operator's own, so it is not judged
 * @throws ExitError if the proxy itself fails; SourceFault `network` if it cannot reach the target. The detail never
 *   holds the proxy's credentials
 */
export async function tunnelThrough(
  proxyUrl: string,
  addresses: readonly [Address, ...Address[]],
  port: number,
): Promise<Socket> {
  const proxy = new URL(proxyUrl);
  const connect = /^socks5h?:$/.test(proxy.protocol) ? connectBySocks5 : connectByHttp;
  const v4 = addresses.find(({ family }) => family === 4);
  const v6 = addresses.find(({ family }) => family === 6);
  const [first, second] = v4 ? [v4, v6] : [addresses[0]];
  try {
    return await connect(proxy, first, port, CONNECT_MS);
  } catch (error) {
    // a proxy that is itself at fault fails for the other family, too
    if (second === undefined || error instanceof ExitError) throw error;
    return connect(proxy, second, port, CONNECT_MS);
  }
}
