import { readdirSync, readFileSync, writeFileSync } from "node:fs";

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

/** Clock ticks a second in `/proc`, on every Linux that people run. */
const TICKS = 100;

/** CPU seconds of a process, its living descendants, and all that they have waited for; null if unknown. */
export function treeCpuSeconds(pid: number): number | null {
  const children = new Map<number, number[]>();
  const ticks = new Map<number, number>();
  for (const id of processIds()) {
    const fields = statOf(id);
    if (!fields) continue;
    const parent = Number(fields[1]);
    children.set(parent, [...(children.get(parent) ?? []), id]);
    ticks.set(id, sum(fields.slice(11, 15)));
  }
  if (!ticks.has(pid)) return null;
  const total = (id: number): number =>
    (ticks.get(id) ?? 0) + sum((children.get(id) ?? []).map((child) => total(child)));
  return total(pid) / TICKS;
}

/** A process and its living descendants. */
export function treeOf(pid: number): number[] {
  const parents = processIds().map((id) => [id, Number(statOf(id)?.[1])] as const);
  const below = (id: number): number[] => [
    id,
    ...parents.flatMap(([child, parent]) => (parent === id ? below(child) : [])),
  ];
  return below(pid);
}

/** CPU seconds of the children that this process has waited for; null if unknown. */
export function endedChildrenCpuSeconds(): number | null {
  const fields = statOf(process.pid);
  return fields && sum(fields.slice(13, 15)) / TICKS;
}

const sum = (values: readonly (string | number)[]): number =>
  values.reduce<number>((total, value) => total + Number(value), 0);

/** The fields after the name, which may contain anything. */
function statOf(pid: number): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return null;
  }
}

function processIds(): number[] {
  try {
    return readdirSync("/proc").map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

function read(pid: number, file: string, pattern: RegExp, unit: number): number | null {
  try {
    const match = pattern.exec(readFileSync(`/proc/${pid}/${file}`, "utf8"));
    return match ? Number(match[1]) * unit : null;
  } catch {
    return null;
  }
}
