import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { StackError } from "./errors.ts";
import { endProcessesOf } from "./marker.ts";
import { closeToOthers, writePrivateFile } from "./private-file.ts";
import { identify, isAlive, type ProcessIdentity } from "./process-identity.ts";

/** Where a stack keeps everything: the platform's data, work files, secrets, logs. One stack at a time owns it. */
export interface StateFolder {
  readonly path: string;
  /** Id of this run of the stack; its processes carry it. */
  readonly stackId: string;
  /** An absolute path inside. */
  file(name: string): string;
  /** Gives the folder free; the data stays. */
  release(): void;
}

/** Who owns the folder, so that the next start can tell a running stack from one that was killed. */
interface Owner {
  readonly stack_id: string;
  readonly process: ProcessIdentity;
}

const OWNER_FILE = "owner.json";

/** What a killed stack's processes may take to end on their own, in milliseconds. */
const ORPHAN_GRACE_MS = 3_000;

/**
 * Takes the state folder for this process. What a killed stack left running there is ended first.
 *
 * @throws StackError when another stack runs on it
 */
export async function takeStateFolder(path: string, log: (line: string) => void): Promise<StateFolder> {
  mkdirSync(join(path, "logs"), { recursive: true, mode: 0o700 });
  closeToOthers(path);
  const ownerFile = join(path, OWNER_FILE);
  const former = readOwner(ownerFile);
  if (former && isAlive(former.process)) {
    throw new StackError(
      `A stack is running on ${path} already (process ${former.process.pid}). Stop it, or set WATERSPOUT_STATE to another folder.`,
    );
  }
  if (former) {
    const ended = await endProcessesOf(former.stack_id, ORPHAN_GRACE_MS);
    log(`the last stack on this state was killed; ${ended} processes of it were left and are ended now`);
  }
  const own = identify(process.pid);
  if (own === null) throw new StackError("The system does not say when this process was started.");
  const stackId = randomUUID();
  writePrivateFile(ownerFile, JSON.stringify({ stack_id: stackId, process: own } satisfies Owner));
  return {
    path,
    stackId,
    file: (name) => join(path, name),
    release: () => rmSync(ownerFile, { force: true }),
  };
}

/** The process that runs a stack on the folder; null when there is none. */
export function ownerOf(path: string): ProcessIdentity | null {
  const owner = readOwner(join(path, OWNER_FILE));
  return owner !== null && isAlive(owner.process) ? owner.process : null;
}

function readOwner(file: string): Owner | null {
  if (!existsSync(file)) return null;
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Owner;
  } catch {
    return null;
  }
}
