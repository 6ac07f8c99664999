import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Takes standard output and standard error, behind what it holds already. */
  readonly logFile: string;
  /** Takes each line of both instead. */
  readonly onLine?: ((line: string) => void) | undefined;
}

/** How a process ended, no matter who ended it. */
export interface Ending {
  /** To be said after its name: `ended with 0`, `was ended by SIGKILL`. */
  readonly words: string;
  /** Whether it ended in good order, with code 0. */
  readonly inOrder: boolean;
}

/** A long-running process of the stack. */
export interface Child {
  /** Never rejects. */
  readonly ended: Promise<Ending>;
  /** SIGTERM, then SIGKILL for its whole process group after `graceMs`. Resolves when it has ended. */
  stop(graceMs: number): Promise<void>;
  /** SIGKILL for its whole process group. */
  kill(): void;
}

/** Runs a command in place of the shell; what it writes is its owner's alone. */
const PRIVATELY = 'umask 077 && exec "$@"';

/**
 * Starts a process in a group of its own, so that Ctrl-C in the terminal reaches the stack alone, which then stops
 * its parts in the right order.
 */
export function startChild({ command, args, cwd, env, logFile, onLine }: ChildOptions): Child {
  const output = onLine ? "pipe" : openSync(logFile, "a", 0o600);
  const child = spawn("/bin/sh", ["-c", PRIVATELY, "sh", command, ...args], {
    cwd,
    env,
    detached: true,
    stdio: ["ignore", output, output],
  });
  if (typeof output === "number") closeSync(output);
  else if (onLine) {
    for (const stream of [child.stdout, child.stderr]) {
      if (stream) createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on("line", onLine);
    }
  }
  let running = true;
  const ended = new Promise<Ending>((resolve) => {
    child.once("error", ({ message }) =>
      resolve({ words: `could not be started: ${message}`, inOrder: false }),
    );
    child.once("exit", (code, signal) =>
      resolve({ words: signal ? `was ended by ${signal}` : `ended with ${code}`, inOrder: code === 0 }),
    );
  }).finally(() => {
    running = false;
  });
  const kill = () => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // The whole group is gone already.
    }
  };
  return {
    ended,
    kill,
    async stop(graceMs) {
      if (running) child.kill("SIGTERM");
      const timer = new AbortController();
      const tooLate = sleep(graceMs, undefined, { signal: timer.signal }).then(kill, () => undefined);
      await Promise.race([ended, tooLate]);
      timer.abort();
      await ended;
    },
  };
}
