import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { ParserAnswer, ParserTask } from "./parser-thread.ts";
import type { ParserName } from "./parsers.ts";

/**
 * Parses in a separate thread, which can be terminated: a parser that never returns would otherwise block the whole
 * test. The limit is far above what linear work takes on the slowest machine, and far below what quadratic work takes:
 * it is not a measurement.
 */
export class ParsersApart {
  readonly #limitMs: number;
  #thread: Worker | null = null;

  /** @param limitMs the limit for one input, beyond which it counts as a hang */
  constructor(limitMs = 30_000) {
    this.#limitMs = limitMs;
  }

  /** @throws Error for a crash, for a hang, and when memory runs out */
  async read(parser: ParserName, bytes: Uint8Array): Promise<{ ms: number }> {
    this.#thread ??= new Worker(new URL("./parser-thread.ts", import.meta.url), {
      execArgv: ["--disable-warning=ExperimentalWarning"],
      resourceLimits: { maxOldGenerationSizeMb: 512 },
    });
    const thread = this.#thread;
    const task: ParserTask = { parser, bytes };
    thread.postMessage(task);
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), this.#limitMs);
    try {
      const [response] = (await once(thread, "message", { signal: limit.signal })) as [ParserAnswer];
      if (response.crash !== null) throw new Error(`${parser} crashed: ${response.crash}`);
      return { ms: response.ms };
    } catch (error) {
      if (!limit.signal.aborted) throw error;
      await this.close();
      throw new Error(`${parser} was not done with ${bytes.length} bytes after ${this.#limitMs} ms`);
    } finally {
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    const thread = this.#thread;
    this.#thread = null;
    await thread?.terminate();
  }
}
