import http from "node:http";
import https from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { ReadMemory } from "./read-memory.ts";

/** Opens the TCP connection of an agent; rejects when the host is refused or does not answer. */
export type Dial = (hostname: string, port: number, memory?: ReadMemory) => Promise<Socket>;

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

/** The same for https: TLS is spoken over the dialled connection and verified against the host name. */
export class JudgedHttpsAgent extends https.Agent {
  readonly #dial: Dial;

  constructor(dial: Dial, options: https.AgentOptions) {
    super(options);
    this.#dial = dial;
  }

  override createConnection(options: https.RequestOptions, connected: Connected): undefined {
    const socket = this.#dial(options.host ?? "", Number(options.port));
    const secured = socket.then((raw) => {
      const stream = super.createConnection({ ...options, socket: raw } as https.RequestOptions);
      if (!stream) throw new Error("no TLS connection was made");
      return stream;
    });
    hand(secured, connected);
  }
}

function hand(stream: Promise<Duplex>, connected: Connected): void {
  stream.then(
    (duplex) => connected(null, duplex),
    // Node reads only the error then; its type has no form without a stream.
    (error: Error) => (connected as (error: Error) => void)(error),
  );
}
