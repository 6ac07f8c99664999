import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PLATFORM_PROGRAM, STATE_VARIABLE } from "../../stack/worker.ts";
import { treeCpuSeconds, treeOf } from "./process-facts.ts";

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

/** CPU seconds of all of them and what they started; null if unknown. */
export function cpuSecondsOf(stateDir: string): number | null {
  const found = pids().filter((pid) => nameOf(pid, stateDir) !== null);
  const seconds = found.map(treeCpuSeconds);
  // the platform starts workerd, whose time must not count twice
  const isBelow = new Set(found.flatMap((pid) => treeOf(pid).filter((other) => other !== pid)));
  return found.reduce<number | null>(
    (total, pid, index) => (isBelow.has(pid) || total === null ? total : total + (seconds[index] ?? 0)),
    0,
  );
}

/** The processor's process; null where it is not found. */
export const processorPid = (stateDir: string): number | null =>
  pids().find((pid) => nameOf(pid, stateDir) === "processor") ?? null;

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
