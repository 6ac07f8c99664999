import { rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Party } from "../../../schema/errors.ts";
import type { Disturbance } from "../faulty-proxy.ts";
import type { TestStack } from "../test-stack.ts";
import type { StackDatabase } from "./database.ts";
import type { Gate } from "./gates.ts";
import type { ListingStorage } from "./listing-storage.ts";
import type { Random } from "./random.ts";

/** What faults act on. */
export interface World {
  readonly stack: TestStack;
  readonly database: StackDatabase;
  readonly gates: Readonly<Record<"source" | "storage" | "toWorker" | "toProcessor", Gate>>;
  /** The managed bucket, and one that callers bring. */
  readonly storages: readonly ListingStorage[];
  /** The volume for the processor's work; null where none could be mounted. */
  readonly workVolume: string | null;
}

/** Something that goes wrong for a while and then works again. */
export interface ChaosFault {
  readonly name: string;
  /** What may be blamed for it. */
  readonly blames: readonly Party[];
  /** Jobs may fail with it, since waiting does not help. */
  readonly endsJobs?: boolean;
  run(world: World, random: Random): Promise<void>;
}

const signal = (pids: readonly number[], name: NodeJS.Signals): void => {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // it ended on its own meanwhile
    }
  }
};

const processorFault = (name: NodeJS.Signals): ChaosFault => ({
  name: `${name} to the processor`,
  blames: [],
  run: async ({ stack }) => signal([await stack.processorPid()], name),
});

const stopped = async (pids: readonly number[], ms: number): Promise<void> => {
  signal(pids, "SIGSTOP");
  await pause(ms);
  signal(pids, "SIGCONT");
};

async function killWorker({ stack }: World): Promise<void> {
  await stack.killWorker();
  await stack.restartWorker();
}

/** Disturbs a gate for a while. */
async function disturbed(
  gate: Gate,
  ms: number,
  disturb: (request: string) => Disturbance | null,
): Promise<void> {
  gate.disturb = (request) => disturb(request) ?? "pass";
  await pause(ms);
  gate.disturb = null;
}

const gateFault = (
  name: string,
  gate: keyof World["gates"],
  blames: readonly Party[],
  disturb: (request: string, random: Random) => Disturbance | null,
): ChaosFault => ({
  name,
  blames,
  run: (world, random) =>
    disturbed(world.gates[gate], random.between(1_000, 3_000), (request) => disturb(request, random)),
});

const delayed = (random: Random): Disturbance => ({ until: pause(random.between(200, 1_500)) });
const isWrite = (request: string): boolean => /^(PUT|POST)/.test(request);
const isCompletion = (request: string): boolean => /^POST .*uploadId=/.test(request);

const FAULTS: readonly ChaosFault[] = [
  processorFault("SIGKILL"),
  processorFault("SIGTERM"),
  {
    name: "SIGSTOP of the processor past its leases",
    blames: [],
    run: async ({ stack }) => stopped([await stack.processorPid()], 6_000),
  },
  { name: "SIGKILL of the Worker", blames: [], run: killWorker },
  {
    name: "SIGTERM to the Worker",
    blames: [],
    run: async (world) => {
      signal(await world.stack.workerPids(), "SIGTERM");
      await pause(500);
      await killWorker(world);
    },
  },
  {
    name: "SIGSTOP of the Worker",
    blames: [],
    run: async ({ stack }, random) => stopped(await stack.workerPids(), random.between(1_000, 4_000)),
  },
  {
    name: "SIGKILL of both",
    blames: [],
    run: async (world) => {
      signal([await world.stack.processorPid()], "SIGKILL");
      await killWorker(world);
    },
  },
  gateFault("processor to Worker: cut", "toWorker", [], () => "cut"),
  gateFault("processor to Worker: lost answers", "toWorker", [], () => "lose-answer"),
  gateFault("processor to Worker: delay", "toWorker", [], (_, random) => delayed(random)),
  gateFault("Worker to processor: cut", "toProcessor", [], () => "cut"),
  gateFault("Worker to processor: lost answers", "toProcessor", [], () => "lose-answer"),
  gateFault("Worker to processor: delay", "toProcessor", [], (_, random) => delayed(random)),
  gateFault("source: cut", "source", ["source"], () => "cut"),
  gateFault("source: delay", "source", ["source"], (_, random) => delayed(random)),
  gateFault("source: 503", "source", ["source"], () => ({ status: 503 })),
  gateFault("storage: 503", "storage", ["storage"], () => ({ status: 503 })),
  gateFault("storage: 429 for an hour", "storage", ["storage"], () => ({
    status: 429,
    headers: { "retry-after": "3600" },
  })),
  gateFault("storage: cut", "storage", ["storage"], () => "cut"),
  gateFault("storage: hangs", "storage", ["storage"], () => ({ until: pause(4_000) })),
  gateFault("storage: lost completions", "storage", ["storage"], (request) =>
    isCompletion(request) ? "lose-answer" : null,
  ),
  gateFault("storage: 403 to all but writes", "storage", [], (request) =>
    isWrite(request) || request.startsWith("DELETE") ? null : { status: 403 },
  ),
  {
    ...gateFault("storage: 403 to writes", "storage", ["storage"], (request) =>
      isWrite(request) ? { status: 403 } : null,
    ),
    endsJobs: true,
  },
  {
    name: "D1 locked",
    blames: [],
    run: async ({ database }, random) => {
      const unlock = await database.lock();
      await pause(random.between(500, 2_500));
      unlock();
    },
  },
];

const DISK_FULL: ChaosFault = {
  name: "disk full",
  blames: ["service"],
  run: async ({ workVolume }, random) => {
    if (workVolume === null) return;
    const ballast = join(workVolume, "ballast");
    const { bavail, bsize } = await statfs(workVolume);
    await writeFile(ballast, Buffer.alloc(Math.max(0, bavail * bsize - (1 << 20))));
    await pause(random.between(1_000, 3_000));
    await rm(ballast, { force: true });
  },
};

/** Every fault that can be injected here. */
export const faultsOf = ({ workVolume }: World): readonly ChaosFault[] =>
  workVolume === null ? FAULTS : [...FAULTS, DISK_FULL];
