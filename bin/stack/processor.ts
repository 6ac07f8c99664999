import { setTimeout as sleep } from "node:timers/promises";
import { type Child, startChild } from "./child.ts";
import { inRoot, root } from "./paths.ts";

/** Delays before the processor is started again, in milliseconds; the last one repeats. */
const BACKOFF = [500, 2_000, 5_000, 15_000, 30_000] as const;
/** A processor that lived this long starts again from the first delay. */
const HEALTHY_AFTER = 60_000;

/** How long a processor that is started again may drain, in milliseconds. */
const RESTART_GRACE = 60_000;

/**
 * What Node is started with; the image says the same. A quick transfer makes much that is thrown away at once: in a
 * nursery of usual size it grows old first, and the processor above 300 MiB with it. What many small files leave is found when
 * the heap has grown by a third; V8 would let it double.
 */
export const PROCESSOR_ARGS: readonly string[] = [
  "--max-semi-space-size=4",
  "--heap-growing-percent=30",
  inRoot("processor", "main.ts"),
];

export interface ProcessorOptions {
  /** What is started; default: the processor of this clone on the project's Node. */
  readonly command?: readonly [string, ...string[]];
  /** The whole environment of the process. */
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** Takes each line that it writes, instead of the file. */
  readonly onLine?: ((line: string) => void) | undefined;
  readonly log: (line: string) => void;
}

/** A processor that is started again whenever it ends on its own. */
export interface SupervisedProcessor {
  /** Lets it drain and starts it again, as an update does. */
  restart(): void;
  /** Lets it drain for `graceMs` at most. */
  stop(graceMs: number): Promise<void>;
}

/** Starts the processor and keeps it running. */
export function superviseProcessor({
  command: [command, ...args] = [process.execPath, ...PROCESSOR_ARGS],
  env,
  logFile,
  onLine,
  log,
}: ProcessorOptions): SupervisedProcessor {
  const stopping = new AbortController();
  let child: Child;

  async function keepRunning(): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted; ) {
      const startedAt = Date.now();
      child = startChild({ command, args, cwd: root, env, logFile, onLine });
      const { words, inOrder } = await child.ended;
      if (stopping.signal.aborted) return;
      // one that was asked to stop, and drained, did not fail
      if (inOrder || Date.now() - startedAt > HEALTHY_AFTER) failures = 0;
      const delay = BACKOFF[Math.min(failures, BACKOFF.length - 1)] ?? 0;
      if (!inOrder) failures += 1;
      log(
        `the processor ${words}; it is started again in ${delay / 1000} s${onLine ? "" : ` (its log: ${logFile})`}`,
      );
      await sleep(delay, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  }

  const done = keepRunning();
  return {
    restart: () => void child.stop(RESTART_GRACE),
    async stop(graceMs) {
      stopping.abort();
      await child.stop(graceMs);
      await done;
    },
  };
}
