import { parentPort } from "node:worker_threads";
import { type ParserName, readForeign } from "./parsers.ts";

/** Reads the inputs that it is sent, one after the other, and reports when each is done. */

export interface ParserTask {
  readonly parser: ParserName;
  readonly bytes: Uint8Array;
}

export interface ParserAnswer {
  /** The crash; null if there was none. */
  readonly crash: string | null;
  /** CPU time; how busy the machine is otherwise does not matter. */
  readonly ms: number;
}

parentPort?.on("message", async ({ parser, bytes }: ParserTask) => {
  const before = process.threadCpuUsage();
  let crash: string | null = null;
  try {
    await readForeign(parser, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (error) {
    crash = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  const { user, system } = process.threadCpuUsage(before);
  const response: ParserAnswer = { crash, ms: (user + system) / 1000 };
  parentPort?.postMessage(response);
});
