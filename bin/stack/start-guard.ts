import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

export interface Guard {
  /** Ends what is left of the stack's processes; resolves when none is. */
  sweep(): Promise<void>;
}

/** Starts the process that ends the stack's processes should this one be killed. */
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
