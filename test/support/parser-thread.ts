import { parentPort } from "node:worker_threads";
import { type ParserName, readForeign } from "./parsers.ts";

/** Reads what it is sent, one after the other, and answers each when it is done. */

export interface ParserTask {
  readonly parser: ParserName;
  readonly bytes: Uint8Array;
}

export interface ParserAnswer {
  /** Of the crash; null where there was none. */
  readonly crash: string | null;
  readonly ms: number;
}

parentPort?.on("message", async ({ parser, bytes }: ParserTask) => {
  const startedAt = performance.now();
  let crash: string | null = null;
  try {
    await readForeign(parser, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (error) {
    crash = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  const answer: ParserAnswer = { crash, ms: performance.now() - startedAt };
  parentPort?.postMessage(answer);
});
