import { readFileSync, writeFileSync } from "node:fs";

/** What Linux reports about a process; null on other systems. */

/** Resets the peak of its memory. */
export function resetPeakMemory(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, "5");
  } catch {
    // without it, the peak covers the whole lifetime
  }
}

/** Its peak memory in bytes, without its children. */
export const peakMemory = (pid: number): number | null => read(pid, "status", /^VmHWM:\s+(\d+) kB$/m, 1024);

/** Bytes that it, and children that it has waited for, have written to disk. */
export const diskBytes = (pid: number): number | null => read(pid, "io", /^write_bytes: (\d+)$/m, 1);

function read(pid: number, file: string, pattern: RegExp, unit: number): number | null {
  try {
    const match = pattern.exec(readFileSync(`/proc/${pid}/${file}`, "utf8"));
    return match ? Number(match[1]) * unit : null;
  } catch {
    return null;
  }
}
