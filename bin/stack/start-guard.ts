import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

export interface Guard {
  /** Ends the remaining processes of the stack; resolves when none is left. */
  sweep(): Promise<void>;
}

/** Starts the process that ends the stack's processes if this one is killed. */
export function startGuard(stackId: string): Guard {
  const child = spawn(process.execPath, [join(import.meta.dirname, "guard.ts"), stackId], {
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
