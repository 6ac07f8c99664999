import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Every process that a stack starts carries the stack's id in its environment, and so do the processes that those
 * start. A process belongs to the stack if and only if it carries the id: a process number that the system has given to
 * another process in the meantime is never mistaken for one of the stack's.
 */
const VARIABLE = "WATERSPOUT_STACK_ID";

/** The environment variable that marks a child of the stack. */
export const markerOf = (stackId: string): Record<string, string> => ({ [VARIABLE]: stackId });

/** The ids of the running processes that carry the stack's mark. */
export function processesOf(stackId: string): number[] {
  const mark = `${VARIABLE}=${stackId}`;
  return existsSync("/proc/self/environ") ? markedInProc(mark) : markedInPs(mark);
}

/**
 * Ends every process that carries the mark: SIGTERM first, then SIGKILL for those that still run after `graceMs`.
 *
 * @returns how many processes there were
 */
export async function endProcessesOf(stackId: string, graceMs: number): Promise<number> {
  const found = processesOf(stackId);
  signalAll(found, "SIGTERM");
  const deadline = Date.now() + graceMs;
  let left = found;
  while (left.length > 0 && Date.now() < deadline) {
    await sleep(50);
    left = processesOf(stackId);
  }
  while (left.length > 0) {
    signalAll(left, "SIGKILL");
    await sleep(20);
    left = processesOf(stackId);
  }
  return found.length;
}

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended on its own in the meantime.
    }
  }
}

/** A zombie's environment is empty, so dead processes are not listed. */
function markedInProc(mark: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => readOrEmpty(`/proc/${pid}/environ`).split("\0").includes(mark))
    .map(Number);
}

/** Without /proc (macOS), `ps -E` shows the environment after the command. */
function markedInPs(mark: string): number[] {
  const listing = execFileSync("ps", ["-axEww", "-o", "pid=,command="], {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  return listing
    .split("\n")
    .filter((line) => line.split(/\s+/).includes(mark))
    .map((line) => Number.parseInt(line, 10));
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
