import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { endProcessesOf, markerOf } from "../stack/marker.ts";
import { inRoot, root } from "../stack/paths.ts";
import type { Progress } from "./progress-reporter.ts";

/** Resolves when a run that has reported nothing since this progress must be considered blocked; rejects when aborted. */
export type Watchdog = (progress: Progress, signal: AbortSignal) => Promise<void>;

export interface WatchedRun {
  /** Arguments of vitest, for example `["run", "--config", "test/vitest.config.ts"]`. */
  readonly args: readonly string[];
  /** Variables for the tests, in addition to those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly watchdog?: Watchdog;
  /** Takes sentences for the person at the terminal. */
  readonly report?: (line: string) => void;
  /** Where the output of vitest goes. */
  readonly output?: "inherit" | "ignore";
}

/** What a run may take for anything but a test: the load of a file, or a hook. In milliseconds. */
const LONGEST_PAUSE = 10 * 60_000;
/** How long the processes of a blocked run may take to end on their own, in milliseconds. */
const GRACE = 5_000;

const byLimit: Watchdog = ({ longestTestMs }, signal) =>
  pause(longestTestMs + LONGEST_PAUSE, undefined, { signal });

/**
 * Runs vitest, and ends it with the names of the files under way when it stops advancing. Vitest itself ends a test that
 * takes too long only as long as the file's event loop turns: a file in an endless loop would hold up the run for ever.
 *
 * @returns whether every test passed
 */
export async function vitestSucceeds({
  args,
  env = {},
  watchdog = byLimit,
  report = console.error,
  output = "inherit",
}: WatchedRun): Promise<boolean> {
  const id = randomUUID();
  const child = spawn("vitest", [...args, `--reporter=${inRoot("bin", "test", "progress-reporter.ts")}`], {
    cwd: root,
    env: { ...process.env, ...env, ...markerOf(id) },
    stdio: ["ignore", output, output, "ipc"],
  });
  let waiting = new AbortController();
  const wait = (progress: Progress): void => {
    waiting.abort();
    waiting = new AbortController();
    watchdog(progress, waiting.signal).then(
      async () => {
        report(`The run does not advance any more and is ended. Under way: ${namesOf(progress)}`);
        await endProcessesOf(id, GRACE);
      },
      () => undefined,
    );
  };
  child.on("message", (message) => wait(message as Progress));
  wait({ underWay: [], longestTestMs: 0 });
  const [code] = (await once(child, "exit")) as [number | null];
  waiting.abort();
  return code === 0;
}

const namesOf = ({ underWay }: Progress): string =>
  underWay.map(({ file, test }) => (test === null ? file : `${file} (${test})`)).join(", ") || "no file";
