import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/** Identifies a process for good; its number alone can be given to another process later. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in a form that is only good for comparison. */
  readonly started: string;
}

/** The identity of a running process; null if none has this number. */
export function identify(pid: number): ProcessIdentity | null {
  try {
    const started = existsSync("/proc/self/stat") ? startedInProc(pid) : startedInPs(pid);
    return started === "" ? null : { pid, started };
  } catch {
    return null;
  }
}

/** True while that process runs. */
export const isAlive = (known: ProcessIdentity): boolean => identify(known.pid)?.started === known.started;

/** Clock ticks since the machine's start, next to the id of that start. */
function startedInProc(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The command's name may contain spaces and brackets; the fixed fields follow its last bracket, beginning with the state.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields[0] === "Z") return "";
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return `${boot} ${fields[19]}`;
}

function startedInPs(pid: number): string {
  return execFileSync("ps", ["-o", "lstart=", "-p", `${pid}`], { encoding: "utf8" }).trim();
}
