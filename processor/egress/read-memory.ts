import type { ClientRequest, IncomingMessage } from "node:http";
import type { OnReadOpts, Socket } from "node:net";
import { type PlainHead, plainHead } from "./plain-head.ts";
import { repairedHead } from "./repaired-head.ts";

/** Size of one read of a connection in bytes; this much stays in the CPU cache. */
const READ_BYTES = 128 << 10;
/** A smaller rest is not worth a read. */
const SMALLEST_READ_BYTES = 16 << 10;

const memories = new WeakMap<Socket, ReadMemory>();

/**
 * The memory that a connection reads into. Node allocates memory for each read, and its parser copies each piece of a
 * body; at hundreds of megabytes per second, collecting that garbage costs more than everything else. If a reader
 * declares that it keeps no chunk, the same memory is reused, and the body bypasses the parser, which only sees the last
 * byte and so recognises the end.
 */
export class ReadMemory {
  #memory = Buffer.allocUnsafeSlow(READ_BYTES);
  #used = 0;
  #socket: Socket | null = null;
  /** The request whose reader keeps no chunks. */
  #request: ClientRequest | null = null;
  #head: PlainHead | null = null;
  #response: IncomingMessage | null = null;
  /** Bytes of the body that bypass the parser. */
  #left = 0;
  /** Nothing was received yet. */
  #isFresh = true;

  /** Options for a connection with such memory; call `attach` as soon as it exists. */
  readonly options: OnReadOpts = {
    buffer: () => this.#next(),
    callback: (length, { buffer, byteOffset }) => this.#receive(Buffer.from(buffer, byteOffset, length)),
  };

  attach(socket: Socket): void {
    this.#socket = socket;
    memories.set(socket, this);
  }

  /** Shares the body of the response to a GET: its chunks are overwritten when their `data` events end. */
  static lendMemoryTo(request: ClientRequest): void {
    request.once("socket", (socket) => {
      const memory = memories.get(socket);
      if (memory) memory.#begin(request);
    });
  }

  #begin(request: ClientRequest): void {
    this.#request = request;
    this.#head = null;
    this.#response = null;
    this.#left = 0;
    request.once("response", (response) => {
      this.#response = response;
      if (this.#head) response.headers["content-length"] = `${this.#head.bodyBytes}`;
    });
    request.once("close", () => {
      if (this.#request === request) this.#request = null;
    });
  }

  #receive(received: Buffer): boolean {
    const socket = this.#socket;
    if (!socket) return false;
    this.#used += received.length;
    if (this.#left > 0) return this.#passBy(socket, received);
    const isFirst = this.#request !== null && this.#response === null && this.#head === null;
    const chunk = isFirst || this.#isFresh ? repairedHead(received) : received;
    this.#isFresh = false;
    this.#head = isFirst ? plainHead(chunk) : null;
    if (!this.#head) return socket.push(chunk);
    this.#left = this.#head.bodyBytes - 1;
    socket.push(this.#head.shown);
    return this.#passBy(socket, chunk.subarray(this.#head.length));
  }

  /** Gives the body to its reader, and the rest to the parser. */
  #passBy(socket: Socket, chunk: Buffer): boolean {
    const body = chunk.subarray(0, this.#left);
    const rest = chunk.subarray(body.length);
    this.#left -= body.length;
    const wantsMore = body.length === 0 || (this.#response?.push(body) ?? false);
    return rest.length === 0 ? wantsMore : socket.push(rest) && wantsMore;
  }

  /** The same memory again, unless part of it still waits for its reader. */
  #next(): Buffer {
    const isTaken = this.#request !== null && this.#response?.readableLength === 0;
    if (isTaken && this.#socket?.readableLength === 0) this.#used = 0;
    if (READ_BYTES - this.#used < SMALLEST_READ_BYTES) {
      this.#memory = Buffer.allocUnsafeSlow(READ_BYTES);
      this.#used = 0;
    }
    return this.#memory.subarray(this.#used);
  }
}
