import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAlive } from "./processes.ts";
import { inRepository, trackedFiles } from "./repository.ts";

/** A fresh copy of the tracked files, like a clone, in a folder with a space in its name. */
export interface Checkout {
  readonly path: string;
  /** Starts a shell command there and collects its output. */
  start(command: string, env?: Readonly<Record<string, string>>): RunningCommand;
  /** The processes that were started there, found by their command line or their environment. */
  processes(): number[];
  /** The command lines of those processes; one that ends meanwhile has none. */
  commandLines(): string[];
  /**
   * Ends with SIGKILL what runs there, or only the processes whose command line has the text.
   *
   * @returns the ids of the processes that were found
   */
  kill(program?: string): number[];
  /** Removes it, and ends what still runs there. */
  remove(): void;
}

export interface RunningCommand {
  readonly process: ChildProcess;
  /** What it printed so far. */
  output(): string;
  /** Resolves when it has printed the text; rejects with its output when it ends without it. */
  printed(text: string): Promise<void>;
  /** Resolves with the exit code when it has ended. */
  readonly ended: Promise<number | null>;
}

/** Copies the tracked files; the installed packages are linked, so that nothing is installed again. */
export function makeCheckout(): Checkout {
  const path = mkdtempSync(join(tmpdir(), "waterspout checkout "));
  for (const file of trackedFiles()) cpSync(inRepository(file), join(path, file));
  symlinkSync(inRepository("node_modules"), join(path, "node_modules"));
  const processes = () => processesOf(path);
  const kill = (program = "") => {
    const found = processes().filter((pid) => fileOf(pid, "cmdline").includes(program));
    for (const pid of found) if (isAlive(pid)) process.kill(pid, "SIGKILL");
    return found;
  };
  return {
    path,
    processes,
    commandLines: () => processes().map((pid) => fileOf(pid, "cmdline")),
    kill,
    start: (command, env = {}) => startCommand(path, command, env),
    remove() {
      kill();
      rmSync(path, { recursive: true, force: true });
    },
  };
}

function startCommand(cwd: string, command: string, env: Readonly<Record<string, string>>): RunningCommand {
  // A login in the copy: nothing is inherited from the surrounding npm or from this repository's packages.
  const outside = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|INIT_CWD$|VITEST|NODE_ENV$)/.test(name),
  );
  const path = (process.env.PATH ?? "").split(":").filter((folder) => !folder.includes("node_modules"));
  const child = spawn("bash", ["-euc", `exec ${command}`], {
    cwd,
    env: {
      ...Object.fromEntries(outside),
      PATH: path.join(":"),
      // what npx stores about the copy is removed with it
      npm_config_cache: join(cwd, ".cache", "npm"),
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  const changes = new EventEmitter();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      text += chunk;
      changes.emit("news");
    });
  }
  const ended = once(child, "exit").then(([code]) => code as number | null);
  let running = true;
  void ended.then(() => {
    running = false;
    changes.emit("news");
  });
  return {
    process: child,
    ended,
    output: () => text,
    async printed(wanted) {
      while (!text.includes(wanted)) {
        if (!running) throw new Error(`It ended without printing "${wanted}":\n${text}`);
        await once(changes, "news");
      }
    },
  };
}

function processesOf(folder: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => ["cmdline", "environ"].some((file) => fileOf(pid, file).includes(folder)));
}

/** A file of a process in /proc, empty when the process has ended or belongs to somebody else. */
function fileOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
