import http from "node:http";
import https from "node:https";
import { isIP, type Socket } from "node:net";
import { SourceFault } from "../../fault.ts";
import type { Address } from "../address.ts";
import { ExitError } from "./exit-error.ts";
import { loginOf, socketHost } from "./proxy-login.ts";

/** Statuses by which a proxy reports that the target, and not the proxy, is at fault. */
const TARGET_FAILED: ReadonlySet<number> = new Set([502, 504]);

/**
 * Connects to `target` through an HTTP or HTTPS proxy by CONNECT (RFC 9110, 9.3.6). The certificate of an HTTPS proxy
 * is verified against its host name.
 *
 * @throws ExitError if the proxy fails; SourceFault `network` if it cannot reach the target
 */
export function connectByHttp(proxy: URL, target: Address, port: number, timeoutMs: number): Promise<Socket> {
  const host = target.family === 6 ? `[${target.address}]` : target.address;
  const authority = `${host}:${port}`;
  const isSecure = proxy.protocol === "https:";
  const proxyHost = socketHost(proxy);
  const options: https.RequestOptions = {
    host: proxyHost,
    port: proxy.port === "" ? (isSecure ? 443 : 80) : Number(proxy.port),
    method: "CONNECT",
    path: authority,
    headers: { host: authority, ...proxyAuthorization(proxy) },
    agent: false,
    ...(isSecure && isIP(proxyHost) === 0 ? { servername: proxyHost } : {}),
  };
  const request = isSecure ? https.request(options) : http.request(options);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => request.destroy(new Error("no answer in time")), timeoutMs);
    request.once("connect", (response, socket: Socket, head) => {
      clearTimeout(timer);
      if (response.statusCode !== 200) {
        socket.destroy();
        reject(refusal(response.statusCode ?? 0));
        return;
      }
      if (head.length > 0) socket.unshift(head);
      socket.setNoDelay(true);
      resolve(socket);
    });
    request.once("response", (response) => {
      clearTimeout(timer);
      response.resume();
      request.destroy();
      reject(refusal(response.statusCode ?? 0));
    });
    request.once("error", (error) => {
      clearTimeout(timer);
      reject(new ExitError(error.message, { cause: error }));
    });
    request.end();
  });
}

const refusal = (status: number): SourceFault =>
  TARGET_FAILED.has(status)
    ? new SourceFault("network", `upstream proxy responded with ${status}`)
    : new ExitError(`responded with ${status}`);

function proxyAuthorization(proxy: URL): { "proxy-authorization"?: string } {
  const login = loginOf(proxy);
  if (login === null) return {};
  const pair = Buffer.from(`${login.user}:${login.password}`).toString("base64");
  return { "proxy-authorization": `Basic ${pair}` };
}
