import http from "node:http";
import https from "node:https";
import { isIP, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { DEFAULT_CIPHERS } from "node:tls";
import type { Address } from "./address.ts";
import { ReadMemory } from "./connection/read-memory.ts";
import { addressOptions, untilConnected } from "./dial.ts";

/** Opens the TCP connection of an agent; rejects when the host is refused or does not answer. */
export type Dial = (hostname: string, port: number, memory?: ReadMemory) => Promise<Socket>;

/** The addresses of a host that may be dialled; rejects when it is refused or has none. */
export type Judge = (hostname: string, port: number) => Promise<readonly [Address, ...Address[]]>;

type Connected = (error: Error | null, stream: Duplex) => void;

/** An agent for http whose connections are all opened by `dial`. */
export class JudgedHttpAgent extends http.Agent {
  readonly #dial: Dial;

  constructor(dial: Dial, options: http.AgentOptions) {
    super(options);
    this.#dial = dial;
  }

  override createConnection(options: http.ClientRequestArgs, connected: Connected): undefined {
    hand(this.#dial(options.host ?? "", Number(options.port), new ReadMemory()), connected);
  }
}

/** How the connections of an agent for https come about. */
export type Reach =
  /** Directly. Such a connection decrypts into reused memory, which Node only allows for one that it opens as well. */
  | { readonly judge: Judge }
  /** Through something that is dialled first. */
  | { readonly dial: Dial };

/**
 * Suites of TLS 1.3 in the order in which they are offered. Most servers follow it: AES-128-GCM is the quickest on any
 * processor with instructions for AES, and as safe as the others.
 */
const SUITES = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
const OLDER = DEFAULT_CIPHERS.split(":").filter((name) => !name.startsWith("TLS_"));
export const CIPHERS = [SUITES, ...OLDER].join(":");

/** The same for https: TLS is spoken over the connection and verified against the host name. */
export class JudgedHttpsAgent extends https.Agent {
  readonly #reach: Reach;

  constructor(reach: Reach, options: https.AgentOptions) {
    super({ ...options, ciphers: CIPHERS });
    this.#reach = reach;
  }

  override createConnection(options: https.RequestOptions, connected: Connected): undefined {
    const [host, port] = [options.host ?? "", Number(options.port)];
    const reach = this.#reach;
    hand(
      "judge" in reach ? this.#direct(options, reach.judge) : this.#over(options, reach.dial(host, port)),
      connected,
    );
  }

  async #direct(options: https.RequestOptions, judge: Judge): Promise<Socket> {
    const [host, port] = [options.host ?? "", Number(options.port)];
    const addresses = await judge(host, port);
    const memory = new ReadMemory();
    const how = { ...addressOptions(addresses), onread: memory.options };
    // the name stays the one that certificates are verified against; a literal address is not looked up
    const dialled = isIP(host) === 0 ? options : { ...options, host: addresses[0].address };
    const stream = this.#secure({ ...dialled, ...how });
    memory.attach(stream);
    const socket = await untilConnected(stream, `${addresses[0].address}:${port}`);
    return socket.setNoDelay(true);
  }

  async #over(options: https.RequestOptions, dialling: Promise<Socket>): Promise<Duplex> {
    return this.#secure({ ...options, socket: await dialling } as https.RequestOptions);
  }

  /** The agent's own method also keeps sessions, which the next connection to the same host resumes. */
  #secure(options: https.RequestOptions): Socket {
    const stream = super.createConnection(options);
    if (!(stream instanceof Socket)) throw new Error("no TLS connection was made");
    return stream;
  }
}

function hand(stream: Promise<Duplex>, connected: Connected): void {
  stream.then(
    (duplex) => connected(null, duplex),
    // Node reads only the error then; its type has no form without a stream.
    (error: Error) => (connected as (error: Error) => void)(error),
  );
}
