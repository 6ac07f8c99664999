import { readFileSync, writeFileSync } from "node:fs";

/** What Linux knows of a process; null on other systems. */

/** Begins a new peak of its memory. */
export function resetPeakMemory(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, "5");
  } catch {
    // without it, the peak is that of the whole life
  }
}

/** Bytes of memory that it held at most, alone: its children count for themselves. */
export const peakMemory = (pid: number): number | null => read(pid, "status", /^VmHWM:\s+(\d+) kB$/m, 1024);

/** Bytes that it and the children it has waited for sent to disks so far. */
export const diskBytes = (pid: number): number | null => read(pid, "io", /^write_bytes: (\d+)$/m, 1);

function read(pid: number, file: string, pattern: RegExp, unit: number): number | null {
  try {
    const match = pattern.exec(readFileSync(`/proc/${pid}/${file}`, "utf8"));
    return match ? Number(match[1]) * unit : null;
  } catch {
    return null;
  }
}
