import http from "node:http";
import https from "node:https";
import net, { type Server, type Socket } from "node:net";
import { listen } from "../ports.ts";

/** Protocols of an operator's proxies. */
export type ProxyKind = "http" | "https" | "socks5";

export interface LocalProxyOptions {
  readonly kind?: ProxyKind;
  /** Demanded of every client; absent: everybody may connect. */
  readonly login?: { readonly user: string; readonly password: string };
  /** Address from which it connects to targets, so that a site can distinguish exits. @example "127.0.0.3" */
  readonly address?: string;
  /** Of an https proxy, in PEM. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Host in its URL. */
  readonly host?: string;
}

/** A real proxy on this machine, which records what it was asked. */
export interface LocalProxy {
  /** With credentials. */
  readonly url: string;
  /** `host:port` of each connection, in order. */
  readonly targets: readonly string[];
  /** Names that clients logged in with; of providers with sessions, the session is part of it. */
  readonly users: readonly string[];
  /** Bytes that came from the targets so far. */
  readonly bytes: number;
  close(): Promise<void>;
}

/** Starts a proxy on a free loopback port. */
export async function startLocalProxy(options: LocalProxyOptions = {}): Promise<LocalProxy> {
  const { kind = "http", login, address, tls, host = "127.0.0.1" } = options;
  const targets: string[] = [];
  const users: string[] = [];
  let bytes = 0;
  const sockets = new Set<Socket>();

  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => socket.destroy());
  };
  const isWelcome = (user: string, password: string) => {
    users.push(user);
    return login === undefined || (matches(login.user, user) && password === login.password);
  };
  /** Joins a client with a target; calls back once the target is connected, or failed. */
  const join = (client: Socket, targetHost: string, port: number, onResult: (isOpen: boolean) => void) => {
    targets.push(`${targetHost}:${port}`);
    const isV6 = net.isIPv6(targetHost);
    const localAddress = isV6 ? undefined : address;
    const onward = net.connect({ host: targetHost, port, ...(localAddress ? { localAddress } : {}) });
    keep(onward);
    onward.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    onward.once("connect", () => {
      onResult(true);
      client.pipe(onward).pipe(client);
    });
    onward.once("error", () => (onward.pending ? onResult(false) : client.destroy()));
    client.once("close", () => onward.destroy());
  };

  const onConnect = (request: http.IncomingMessage, client: Socket) => {
    keep(client);
    const [, encoded = ""] = (request.headers["proxy-authorization"] ?? "").split(" ");
    const [, user = "", password = ""] =
      /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, "base64").toString()) ?? [];
    if (login !== undefined && !isWelcome(user, password)) {
      client.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
      return;
    }
    const [, name = "", port = ""] = /^\[?(.+?)\]?:(\d+)$/.exec(request.url ?? "") ?? [];
    join(client, name, Number(port), (isOpen) => {
      client.write(
        isOpen ? "HTTP/1.1 200 Connection Established\r\n\r\n" : "HTTP/1.1 502 Bad Gateway\r\n\r\n",
      );
      if (!isOpen) client.end();
    });
  };

  const refuse: http.RequestListener = (_request, response) => void response.writeHead(405).end();
  let server: Server;
  if (kind === "socks5") {
    server = net.createServer((client) => {
      keep(client);
      void serveSocks(client, { login: login !== undefined, isWelcome, join }).catch(() => client.destroy());
    });
  } else {
    server = kind === "https" ? https.createServer({ ...tls }, refuse) : http.createServer(refuse);
    server.on("connect", onConnect);
  }
  const port = await listen(server);
  const credentials = login ? `${login.user}:${encodeURIComponent(login.password)}@` : "";
  return {
    url: `${kind}://${credentials}${host}:${port}`,
    targets,
    users,
    get bytes() {
      return bytes;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** `{session}` in the expected name stands for any session. */
const matches = (expected: string, user: string): boolean => {
  const [before = "", after] = expected.split("{session}");
  return after === undefined ? user === expected : user.startsWith(before) && user.endsWith(after);
};

interface SocksRules {
  readonly login: boolean;
  isWelcome(user: string, password: string): boolean;
  join(client: Socket, host: string, port: number, onResult: (isOpen: boolean) => void): void;
}

/** RFC 1928 and 1929, as strict as a proxy is: names, IPv4 and IPv6. */
async function serveSocks(client: Socket, { login, isWelcome, join }: SocksRules): Promise<void> {
  const [version, count = 0] = await take(client, 2);
  if (version !== 5) throw new Error("not SOCKS5");
  const methods = [...(await take(client, count))];
  const method = login ? 2 : 0;
  if (!methods.includes(method)) return void client.end(Buffer.from([5, 0xff]));
  client.write(Buffer.from([5, method]));
  if (login) {
    const [loginVersion, userLength = 0] = await take(client, 2);
    const user = (await take(client, userLength)).toString();
    const [passwordLength = 0] = await take(client, 1);
    const password = (await take(client, passwordLength)).toString();
    const isRight = loginVersion === 1 && isWelcome(user, password);
    client.write(Buffer.from([1, isRight ? 0 : 1]));
    if (!isRight) return void client.end();
  }
  const [, command, , type] = await take(client, 4);
  if (command !== 1) return void client.end(Buffer.from([5, 7, 0, 1, 0, 0, 0, 0, 0, 0]));
  const host = await readHost(client, type);
  const port = (await take(client, 2)).readUInt16BE();
  join(client, host, port, (isOpen) => {
    client.write(Buffer.from([5, isOpen ? 0 : 5, 0, 1, 127, 0, 0, 1, 0, 0]));
    if (!isOpen) client.end();
  });
}

async function readHost(client: Socket, type: number | undefined): Promise<string> {
  if (type === 1) return [...(await take(client, 4))].join(".");
  if (type === 4) {
    const bytes = await take(client, 16);
    const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
    return groups.join(":");
  }
  const [length = 0] = await take(client, 1);
  return (await take(client, length)).toString();
}

async function take(socket: Socket, length: number): Promise<Buffer> {
  for (;;) {
    const bytes: unknown = length === 0 ? Buffer.alloc(0) : socket.read(length);
    if (Buffer.isBuffer(bytes) && bytes.length === length) return bytes;
    if (socket.destroyed || socket.readableEnded) throw new Error("the client has gone");
    await new Promise<void>((resolve) => {
      const go = () => {
        for (const event of ["readable", "end", "close"]) socket.off(event, go);
        resolve();
      };
      for (const event of ["readable", "end", "close"]) socket.on(event, go);
    });
  }
}
