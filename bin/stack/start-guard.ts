import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

export interface Guard {
  /** Ends the remaining processes of the stack; resolves when none is left. */
  sweep(): Promise<void>;
}

/** A shell waits in a hundredth of Node's memory. */
const WHEN_INPUT_ENDS = 'while read -r _; do :; done; exec "$@"';

/** Starts the process that ends the stack's processes if this one is killed. */
export function startGuard(stackId: string): Guard {
  const program = [process.execPath, join(import.meta.dirname, "guard.ts"), stackId];
  const child = spawn("/bin/sh", ["-c", WHEN_INPUT_ENDS, "sh", ...program], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  const exited = once(child, "exit");
  child.stdin.on("error", () => undefined);
  return {
    async sweep() {
      child.stdin.end();
      await exited;
    },
  };
}
