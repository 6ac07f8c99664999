/**
 * The least that Node needs to pass a file on over TLS, by a program that is already running: one connection reads the file into
 * blocks, a thread hashes them, and a few connections store them. HTTP is written by hand, and nothing is checked, repeated or
 * reported.
 */
import type { OnReadOpts } from "node:net";
import tls, { type TLSSocket } from "node:tls";
import { Worker } from "node:worker_threads";
import { serveOrders } from "../measuring-program.ts";
import type { RelayCost, RelayOrder } from "./relay-runner.ts";

const BLOCK_BYTES = 8 << 20;
const BLOCKS = 6;
const STORING = 3;
/** What is encrypted at a time stays in the CPU's cache. */
const PIECE_BYTES = 128 << 10;
const CIPHERS = "TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256";

/** A block with as many bytes as were read into it. */
interface Filled {
  readonly memory: Buffer;
  readonly bytes: Buffer;
}

const hashing = new Worker(new URL("./hash-blocks.ts", import.meta.url));
const blocks = Array.from({ length: BLOCKS }, () => Buffer.from(new SharedArrayBuffer(BLOCK_BYTES)));

/** Asks the thread to hash a block, or to end the hash, and waits for it. Orders are served in turn. */
const served: (() => void)[] = [];
hashing.on("message", () => served.shift()?.());
const hash = (bytes: Buffer | null) =>
  new Promise<void>((resolve) => {
    served.push(resolve);
    hashing.postMessage(bytes);
  });

/** Node passes `onread` on to the socket; its types do not know that. */
function connectTo({ hostname, port }: URL, onread: OnReadOpts): TLSSocket {
  const options = { host: hostname, port: Number(port), ciphers: CIPHERS, onread };
  return tls.connect(options as tls.ConnectionOptions);
}

/** A connection that stores one block at a time. */
class Storing {
  readonly #socket: TLSSocket;
  readonly #url: URL;
  #done: () => void = () => {};

  constructor(url: URL) {
    const buffer = Buffer.alloc(16 << 10);
    this.#url = url;
    this.#socket = connectTo(url, {
      buffer,
      callback: (length) => {
        const response = buffer.toString("latin1", 0, length);
        if (response.startsWith("HTTP/1.1 200")) this.#done();
        else if (response.startsWith("HTTP/")) throw new Error(`The storage responded with ${response}`);
        return true;
      },
    });
  }

  store(bytes: Buffer, number: number): Promise<void> {
    const { host, pathname } = this.#url;
    return new Promise((resolve) => {
      this.#done = resolve;
      const target = `${pathname}?partNumber=${number}&uploadId=bare`;
      this.#socket.write(
        `PUT ${target} HTTP/1.1\r\nhost: ${host}\r\ncontent-length: ${bytes.length}\r\n\r\n`,
      );
      const sendFrom = (position: number) => {
        if (position >= bytes.length) return;
        const piece = bytes.subarray(position, position + PIECE_BYTES);
        this.#socket.write(piece, () => sendFrom(position + PIECE_BYTES));
      };
      sendFrom(0);
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Reads a file into the blocks that `free` gives, and reports each that is full, and the last one. */
function readInto(url: URL, free: () => Promise<Buffer>, onFilled: (block: Filled) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const spare = Buffer.alloc(16 << 10);
    /** What still arrives of a connection that was paused, since no block is free. */
    const late: Buffer[] = [];
    let memory: Buffer | null = null;
    let filled = 0;
    let left: number | null = null;

    const next = () => {
      socket.pause();
      void free().then((block) => {
        memory = block;
        for (const chunk of late.splice(0)) filled += chunk.copy(block, filled);
        if (isWanted()) socket.resume();
      });
    };
    /** Whether more can be read now. */
    const isWanted = (): boolean => {
      if (memory === null) return false;
      if (left !== 0 && filled < memory.length) return true;
      onFilled({ memory, bytes: memory.subarray(0, filled) });
      [memory, filled] = [null, 0];
      if (left !== 0) next();
      else {
        socket.destroy();
        resolve();
      }
      return false;
    };
    const onRead = (length: number) => {
      if (left === null) {
        const body = spare.indexOf("\r\n\r\n") + 4;
        left =
          Number(/content-length: (\d+)/i.exec(spare.toString("latin1", 0, body))?.[1]) - (length - body);
        late.push(Buffer.from(spare.subarray(body, length)));
        next();
        return false;
      }
      left -= length;
      if (memory === null) late.push(Buffer.from(spare.subarray(0, length)));
      else filled += length;
      return isWanted();
    };
    const socket = connectTo(url, {
      buffer: () => memory?.subarray(filled) ?? spare,
      callback: onRead,
    });
    socket.once("error", reject);
    socket.write(`GET ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\nconnection: close\r\n\r\n`);
  });
}

/** A list whose next item can be awaited. */
class Waiting<T> {
  readonly #items: T[] = [];
  readonly #takers: ((item: T) => void)[] = [];

  give(item: T): void {
    const taker = this.#takers.shift();
    if (taker) taker(item);
    else this.#items.push(item);
  }

  take(): Promise<T> {
    const item = this.#items.shift();
    return item === undefined ? new Promise((resolve) => this.#takers.push(resolve)) : Promise.resolve(item);
  }
}

async function relay({ source, store }: RelayOrder): Promise<RelayCost> {
  const [cpuBefore, startedAt] = [process.cpuUsage(), performance.now()];
  const free = new Waiting<Buffer>();
  const idle = new Waiting<Storing>();
  const connections = Array.from({ length: STORING }, () => new Storing(new URL(store)));
  for (const block of blocks) free.give(block);
  for (const connection of connections) idle.give(connection);
  const passing: Promise<void>[] = [];
  const pass = async ({ memory, bytes }: Filled, number: number) => {
    const hashed = hash(bytes);
    const connection = await idle.take();
    await connection.store(bytes, number);
    idle.give(connection);
    await hashed;
    free.give(memory);
  };
  await readInto(
    new URL(source),
    () => free.take(),
    (block) => passing.push(pass(block, passing.length + 1)),
  );
  await Promise.all(passing);
  await hash(null);
  for (const connection of connections) connection.close();
  const { user, system } = process.cpuUsage(cpuBefore);
  return { ms: performance.now() - startedAt, cpuSeconds: (user + system) / 1e6 };
}

serveOrders(relay);
