import { rmSync } from "node:fs";
import { join } from "node:path";
import { type Child, startChild } from "./child.ts";
import { root } from "./paths.ts";
import type { PlatformFile } from "./platform/platform-file.ts";
import { writePrivateFile } from "./private-file.ts";
import type { StateFolder } from "./state-folder.ts";

/** The program that runs the Worker. */
export const PLATFORM_PROGRAM = join(import.meta.dirname, "platform", "main.ts");

/** Reports in the environment of the Worker's processes which state they work on. */
export const STATE_VARIABLE = "WATERSPOUT_STATE";

/** Where D1, Durable Objects, queues and R2 live on disk. */
export const platformFolder = (stateDir: string): string => `${stateDir}/platform`;

/** Where the running platform says how it is controlled. */
export const controlFile = (stateDir: string): string => `${stateDir}/control.json`;

/**
 * Writes what the Worker's process is to do; secrets travel in a file, never in the command line.
 *
 * @returns the file
 */
export function writePlatformFile(
  state: StateFolder,
  platform: Omit<PlatformFile, "dataFolder" | "controlFile">,
): string {
  const file = state.file("worker.json");
  const described: PlatformFile = {
    ...platform,
    // the layout of wrangler, whose state folders go on
    dataFolder: `${platformFolder(state.path)}/v3`,
    controlFile: controlFile(state.path),
  };
  writePrivateFile(file, JSON.stringify(described));
  // where the development server of earlier versions was reported the same
  rmSync(state.file("worker.env"), { force: true });
  return file;
}

export interface WorkerOptions {
  readonly state: StateFolder;
  /** Environment of the process. */
  readonly env: Readonly<Record<string, string>>;
  /** Describes the platform, see {@link writePlatformFile}. */
  readonly platformFile: string;
  readonly logFile: string;
  /** Takes each line that it writes, instead of the file. */
  readonly onLine?: ((line: string) => void) | undefined;
}

/** What is thrown away at once fills no large nursery, which would never be given back. */
const NODE_OPTIONS = ["--max-semi-space-size=2", "--optimize-for-size"];

/**
 * What a request leaves behind in workerd lies mostly outside of V8's heap, held by small objects that only a collection of
 * the whole heap finds; the heap itself hardly grows, so V8 sees no reason for one. workerd alone, with a Worker of one line,
 * takes some kilobytes more with each request, and each Worker behind another as much again. Small collections are made
 * whole ones: memory levels off. A nursery of 1 MB makes them frequent in the Workers that a request only passes, whose few small
 * objects hold the most. V8 enlarges the nursery of this project's Worker, where each costs as much as ten requests,
 * because much survives there.
 */
const WORKERD_V8_FLAGS = "--gc-global --min-semi-space-size=1 --max-semi-space-size=32";

/** Starts the Worker on the embedded platform: workerd with D1, Durable Objects, queues and R2. */
export function startWorker({ state, env, platformFile, logFile, onLine }: WorkerOptions): Child {
  return startChild({
    command: process.execPath,
    args: [...NODE_OPTIONS, PLATFORM_PROGRAM, platformFile],
    cwd: root,
    env: { ...env, [STATE_VARIABLE]: state.path, MINIFLARE_WORKERD_V8_FLAGS: WORKERD_V8_FLAGS },
    logFile,
    onLine,
  });
}
