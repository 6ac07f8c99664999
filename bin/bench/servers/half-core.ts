import { existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A group of processes that together get half of a core. */
export interface HalfCore {
  /** A process that writes its id into this file belongs to the group from then on, with all that it starts later. */
  readonly file: string;
  add(pids: readonly number[]): void;
  /** All of its processes must have ended. */
  close(): void;
}

const PERIOD_US = 100_000;
const QUOTA_US = PERIOD_US / 2;
const ROOT = "/sys/fs/cgroup";

/** Null where this user may make no group of processes with a limit of CPU time. */
export function openHalfCore(): HalfCore | null {
  const isFirstVersion = existsSync(join(ROOT, "cpu", "cgroup.procs"));
  const folder = join(ROOT, isFirstVersion ? "cpu" : "", `waterspout-bench-${process.pid}`);
  try {
    mkdirSync(folder);
  } catch {
    return null;
  }
  const close = () => rmdirSync(folder);
  try {
    if (isFirstVersion) {
      writeFileSync(join(folder, "cpu.cfs_period_us"), `${PERIOD_US}`);
      writeFileSync(join(folder, "cpu.cfs_quota_us"), `${QUOTA_US}`);
    } else {
      writeFileSync(join(folder, "cpu.max"), `${QUOTA_US} ${PERIOD_US}`);
    }
  } catch {
    close();
    return null;
  }
  const file = join(folder, "cgroup.procs");
  return {
    file,
    add(pids) {
      for (const pid of pids) writeFileSync(file, `${pid}`);
    },
    close,
  };
}
