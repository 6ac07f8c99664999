import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { BLOCKS } from "../../processor/blocks.ts";
import { FileFront } from "../../processor/egress/ranges/file-front.ts";
import type { ByteReceiver } from "../../processor/egress/source-read.ts";

/** The beginning of a file, whose bytes arrive when the test says so. */
function arrivingFront(bytes: number) {
  const reading = Promise.withResolvers<void>();
  let receiver: ByteReceiver | undefined;
  const front = new FileFront(bytes, (given) => {
    receiver = given;
    return reading.promise;
  });
  const room = () => receiver?.room?.() ?? Buffer.alloc(0);
  return { front, ...reading, room, arrive: (text: string) => receiver?.put(Buffer.from(text)) };
}

/** The next block of the pool, which stays there. */
function nextBlock(): { buffer: ArrayBufferLike; byteOffset: number } {
  const block = BLOCKS.take();
  BLOCKS.give([block]);
  return { buffer: block.buffer, byteOffset: block.byteOffset };
}

describe("the beginning of a file", () => {
  it("passes on what has arrived, and waits for the rest", async () => {
    const { front, arrive } = arrivingFront(6);
    arrive("abc");
    const seen: string[] = [];
    const passing = front.pass(1, 6, { put: (chunk) => void seen.push(chunk.toString()) });
    await turn();
    expect(seen).toEqual(["bc"]);
    arrive("def");
    await passing;
    expect(seen).toEqual(["bc", "def"]);
  });

  it("passes on several blocks", async () => {
    const bytes = 600_000;
    const { front, arrive } = arrivingFront(bytes);
    const whole = "a pattern of 17 b".repeat(40_000).slice(0, bytes);
    arrive(whole);
    const seen: Buffer[] = [];
    await front.pass(0, bytes, { put: (chunk) => void seen.push(Buffer.from(chunk)) });
    expect(Buffer.concat(seen).toString() === whole).toBe(true);
  });

  it("keeps its memory until it is closed, its connection has ended and the last reader has used its chunk", async () => {
    const { front, room, arrive, resolve } = arrivingFront(3);
    const { buffer, byteOffset } = room();
    arrive("abc");
    const using = Promise.withResolvers<void>();
    const passing = front.pass(0, 3, { put: () => using.promise });
    const isFree = () => {
      const next = nextBlock();
      return next.buffer === buffer && next.byteOffset === byteOffset;
    };
    front.close();
    await turn();
    expect(isFree()).toBe(false);
    resolve();
    await turn();
    expect(isFree()).toBe(false);
    using.resolve();
    await passing;
    await turn();
    expect(isFree()).toBe(true);
  });

  it("gives its memory back when its connection failed", async () => {
    const { front, room, reject } = arrivingFront(3);
    const { buffer, byteOffset } = room();
    const passing = front.pass(0, 3, { put: () => {} });
    reject(new Error("the connection was closed"));
    await expect(passing).rejects.toThrow("the connection was closed");
    expect(front.hasFailed).toBe(true);
    front.close();
    await turn();
    expect(nextBlock()).toEqual({ buffer, byteOffset });
  });
});
