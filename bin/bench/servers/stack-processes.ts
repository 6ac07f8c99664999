import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PLATFORM_PROGRAM, STATE_VARIABLE } from "../../stack/worker.ts";
import { treeCpuSeconds } from "./process-facts.ts";

/** The long-running processes of a stack. */
export const STACK_PROCESSES = ["workerd", "platform", "processor"] as const;
export type StackProcess = (typeof STACK_PROCESSES)[number];

/** Resident bytes of each process of the stack with this state folder; null where it is not found, as on other systems. */
export function memoryOf(stateDir: string): Record<StackProcess, number | null> {
  const found: Record<StackProcess, number | null> = { workerd: null, platform: null, processor: null };
  for (const pid of pids()) {
    const name = nameOf(pid, stateDir);
    if (name !== null) found[name] = (found[name] ?? 0) + residentBytes(pid);
  }
  return found;
}

/** CPU seconds of workerd and the process around it, since their start; null where they are not found, as on other systems. */
export function platformCpuSeconds(stateDir: string): number | null {
  const platform = pids().find((pid) => nameOf(pid, stateDir) === "platform");
  return platform === undefined ? null : treeCpuSeconds(platform);
}

function nameOf(pid: number, stateDir: string): StackProcess | null {
  const [command, environment] = [factOf(pid, "cmdline"), factOf(pid, "environ").split("\0")];
  if (environment.includes(`WORK_DIR=${join(stateDir, "work")}`)) {
    return command.includes("processor/main.ts") ? "processor" : null;
  }
  if (!environment.includes(`${STATE_VARIABLE}=${stateDir}`)) return null;
  if (command.includes(PLATFORM_PROGRAM)) return "platform";
  return command.includes("workerd") ? "workerd" : null;
}

const residentBytes = (pid: number): number => {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(factOf(pid, "status"));
  return match ? Number(match[1]) * 1024 : 0;
};

function pids(): number[] {
  try {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

function factOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
