import net, { type Socket } from "node:net";
import { Fault, SourceFault } from "../../fault.ts";
import type { Address } from "../address.ts";
import { ExitError } from "./exit-error.ts";
import { loginOf, socketHost } from "./proxy-login.ts";

const VERSION = 5;
const NO_LOGIN = 0;
const BY_PASSWORD = 2;
const CONNECT = 1;
const IPV4 = 1;
const NAME = 3;
const IPV6 = 4;
/** Version of the sub-negotiation of RFC 1929. */
const LOGIN_VERSION = 1;
const DEFAULT_PORT = 1080;

/** Replies that speak of the target: network or host unreachable, connection refused, time to live expired. */
const TARGET_FAILED: ReadonlySet<number> = new Set([3, 4, 5, 6]);

/**
 * Connects to `target` through a SOCKS5 proxy (RFC 1928), with name and password (RFC 1929) if the URL has them. The
 * proxy gets an address, never a name.
 *
 * @throws ExitError if the proxy fails; SourceFault `network` if it cannot reach the target
 */
export async function connectBySocks5(
  proxy: URL,
  target: Address,
  port: number,
  timeoutMs: number,
): Promise<Socket> {
  const socket = net.connect({
    host: socketHost(proxy),
    port: proxy.port === "" ? DEFAULT_PORT : Number(proxy.port),
    noDelay: true,
  });
  const timer = setTimeout(() => socket.destroy(new Error("no answer in time")), timeoutMs);
  // a failure in between is found by the next read
  const ignore = () => {};
  socket.on("error", ignore);
  try {
    await greet(socket, proxy);
    socket.write(Buffer.concat([Buffer.from([VERSION, CONNECT, 0]), addressBytes(target), portBytes(port)]));
    await readReply(socket);
    return socket;
  } catch (error) {
    socket.destroy();
    if (error instanceof Fault) throw error;
    throw new ExitError(error instanceof Error ? error.message : String(error), { cause: error });
  } finally {
    clearTimeout(timer);
    socket.off("error", ignore);
  }
}

/** Agrees on how to log in, and does so. */
async function greet(socket: Socket, proxy: URL): Promise<void> {
  const login = loginOf(proxy);
  const methods = login === null ? [NO_LOGIN] : [NO_LOGIN, BY_PASSWORD];
  socket.write(Buffer.from([VERSION, methods.length, ...methods]));
  const [version, method] = await readBytes(socket, 2);
  if (version !== VERSION) throw new ExitError("is no SOCKS5 proxy");
  if (method === NO_LOGIN) return;
  if (login === null || method !== BY_PASSWORD) throw new ExitError("accepts no login that is known");
  const [user, password] = [Buffer.from(login.user), Buffer.from(login.password)];
  if (user.length > 255 || password.length > 255) throw new ExitError("name or password is too long");
  socket.write(
    Buffer.concat([
      Buffer.from([LOGIN_VERSION, user.length]),
      user,
      Buffer.from([password.length]),
      password,
    ]),
  );
  const [, status] = await readBytes(socket, 2);
  if (status !== 0) throw new ExitError("refused name and password");
}

async function readReply(socket: Socket): Promise<void> {
  const [version, reply = 1, , type = IPV4] = await readBytes(socket, 4);
  if (version !== VERSION) throw new ExitError("is no SOCKS5 proxy");
  if (reply !== 0) {
    const detail = `replied with ${reply}`;
    throw TARGET_FAILED.has(reply)
      ? new SourceFault("network", `upstream proxy ${detail}`)
      : new ExitError(detail);
  }
  const [length = 0] = type === NAME ? await readBytes(socket, 1) : [type === IPV6 ? 16 : 4];
  // the address and port that the proxy bound: nothing needs them
  await readBytes(socket, length + 2);
}

function addressBytes({ address, family }: Address): Buffer {
  if (family === 4) return Buffer.from([IPV4, ...address.split(".").map(Number)]);
  return Buffer.concat([Buffer.from([IPV6]), ipv6Bytes(address)]);
}

/** The 16 bytes of an IPv6 address; an IPv4 address at its end and a zone are understood. */
function ipv6Bytes(text: string): Buffer {
  // the URL parser writes an address at the end as two groups
  const canonical = new URL(`http://[${text.split("%", 1)[0]}]/`).hostname.slice(1, -1);
  const [head = "", tail] = canonical.split("::");
  const groups = (part: string) => (part === "" ? [] : part.split(":").map((group) => parseInt(group, 16)));
  const [first, last] = [groups(head), groups(tail ?? "")];
  const all = [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
  const bytes = Buffer.alloc(16);
  for (const [index, group] of all.entries()) bytes.writeUInt16BE(group, index * 2);
  return bytes;
}

function portBytes(port: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(port);
  return bytes;
}

/** Exactly that many bytes; what follows stays in the socket. */
async function readBytes(socket: Socket, length: number): Promise<Buffer> {
  for (;;) {
    const bytes: unknown = socket.read(length);
    if (Buffer.isBuffer(bytes) && bytes.length === length) return bytes;
    if (socket.destroyed || socket.readableEnded) {
      throw new ExitError(socket.errored?.message ?? "closed the connection");
    }
    await new Promise<void>((resolve) => {
      const events = ["readable", "end", "close"] as const;
      const go = () => {
        for (const event of events) socket.off(event, go);
        resolve();
      };
      for (const event of events) socket.on(event, go);
    });
  }
}
