import type { ClientRequest, IncomingMessage } from "node:http";
import type { OnReadOpts, Socket } from "node:net";
import type { Readable } from "node:stream";
import { type PlainHead, plainHead } from "./plain-head.ts";
import { repairedHead } from "./repaired-head.ts";

/** Size of one read of a connection in bytes; this much stays in the CPU cache. */
const READ_BYTES = 128 << 10;
/** A smaller rest is not worth a read. */
const SMALLEST_READ_BYTES = 16 << 10;

/** Takes a body from its connection, without the stream in between. */
export interface BodyTaker {
  /** Receives the next chunk, which may only be used during the call; it may pause the body. */
  take(chunk: Buffer): void;
  /**
   * Memory of the reader that the next bytes are read into; null if it has none. It must stay the reader's until the
   * body has ended, and after a failure until the event loop has turned.
   */
  room(): Buffer | null;
}

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
  /** Who takes the body; null: it goes through the response. */
  #taker: BodyTaker | null = null;
  /** The next bytes are read into memory of the taker. */
  #isRoom = false;
  /** Nothing was received yet. */
  #isFresh = true;

  /** Options for a connection with such memory; call `attach` as soon as it exists. */
  readonly options: OnReadOpts = {
    buffer: () => this.#next(),
    callback: (length, memory) => this.#receive(memory as Buffer, length),
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

  /**
   * Gives what still comes of a body with borrowed memory to `taker`, while the body flows and nothing of it waits. The
   * rest, its last byte always, comes as `data` events. Does nothing for a body that passes through the parser.
   */
  static divert(body: Readable, taker: BodyTaker): void {
    const { socket } = body as Partial<IncomingMessage>;
    const memory = socket && memories.get(socket);
    if (!memory || memory.#response !== body || memory.#left === 0) return;
    memory.#taker = taker;
    // the stream does not know that its connection was stopped
    body.on("resume", () => memory.#response === body && socket.resume());
  }

  #begin(request: ClientRequest): void {
    this.#request = request;
    this.#head = null;
    this.#response = null;
    this.#taker = null;
    this.#left = 0;
    request.once("response", (response) => {
      this.#response = response;
      if (this.#head) response.headers["content-length"] = `${this.#head.bodyBytes}`;
    });
    request.once("close", () => {
      if (this.#request !== request) return;
      this.#request = null;
      this.#taker = null;
    });
  }

  #receive(memory: Buffer, length: number): boolean {
    const socket = this.#socket;
    if (!socket) return false;
    if (!this.#isRoom) this.#used += length;
    const received = length === memory.length ? memory : memory.subarray(0, length);
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
    if (chunk.length <= this.#left) {
      this.#left -= chunk.length;
      return this.#give(chunk);
    }
    const body = chunk.subarray(0, this.#left);
    const rest = chunk.subarray(this.#left);
    this.#left = 0;
    const wantsMore = this.#give(body);
    return socket.push(rest) && wantsMore;
  }

  #give(body: Buffer): boolean {
    if (body.length === 0) return true;
    const taker = this.#flowing();
    if (!taker) return this.#response?.push(body) ?? false;
    taker.take(body);
    return this.#response?.readableFlowing === true;
  }

  /** Who takes the next bytes, if none before them wait in the response. */
  #flowing(): BodyTaker | null {
    const response = this.#response;
    return response?.readableFlowing && response.readableLength === 0 ? this.#taker : null;
  }

  /** Memory of the reader, or else the same memory again, unless part of it still waits for its reader. */
  #next(): Buffer {
    const room = this.#left > 0 ? this.#flowing()?.room() : null;
    this.#isRoom = room !== null && room !== undefined;
    if (room) return room;
    const isTaken = this.#request !== null && this.#response?.readableLength === 0;
    if (isTaken && this.#socket?.readableLength === 0) this.#used = 0;
    if (READ_BYTES - this.#used < SMALLEST_READ_BYTES) {
      this.#memory = Buffer.allocUnsafeSlow(READ_BYTES);
      this.#used = 0;
    }
    return this.#memory.subarray(this.#used);
  }
}
