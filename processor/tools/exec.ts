import { type ChildProcess, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { ServiceFault } from "../fault.ts";
import { lineSplitter } from "./lines.ts";
import type { Sandbox, ToolAccess, ToolLimits } from "./sandbox.ts";

export interface ToolOptions {
  readonly command: string;
  /** Visible to every user of the machine: never a secret. */
  readonly args: readonly string[];
  /** Added to the minimal environment; nothing of this process's environment is inherited. */
  readonly env?: Readonly<Record<string, string>>;
  /** Work folder; also the tool's home and temporary folder. */
  readonly cwd: string;
  /** `pipe` leaves the tool's input open for the caller. Default: no input. */
  readonly stdin?: "pipe";
  /** Limits on resources; the deadline applies everywhere, the others if `sandbox` can enforce them. */
  readonly limits: ToolLimits;
  /** Null for a tool of our own, which gets all rights of this process. */
  readonly sandbox: Sandbox | null;
  /** What it may access, if the sandbox can restrict it. Default: everything. */
  readonly access?: ToolAccess;
  readonly signal?: AbortSignal | undefined;
  /** `pipe` without `onStdoutLine` leaves reading to the caller. */
  readonly stdout: "pipe" | "ignore";
  readonly onStdoutLine?: (line: string) => void;
  /** Maximum output in bytes for `onStdoutLine`; a tool that writes more is killed. Default: no limit. */
  readonly maxStdoutBytes?: number;
  readonly onStderrLine?: (line: string) => void;
  /** If given, file descriptor 3 of the tool is a pipe whose lines arrive here. */
  readonly onExtraLine?: (line: string) => void;
  /** Between the request to end and the kill, in milliseconds. */
  readonly graceMs?: number;
}

export interface ToolExit {
  /** Null if a signal ended the tool. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The limit that ended it, if any; a lack of memory shows in the tool's output. */
  readonly limit: "time" | "processor time" | "output" | null;
  /** The last lines of the tool's error output, at most 16 KiB. */
  readonly stderrTail: string;
}

export interface RunningTool {
  /** Also the id of its process group; undefined if it could not be started. */
  readonly pid: number | undefined;
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  /** Settles when the whole group has ended; rejects with a Fault only if the tool could not be started. */
  readonly exited: Promise<ToolExit>;
  /** Ends the whole group: SIGTERM, and SIGKILL after the grace. Does nothing once it has ended. */
  kill(): void;
}

const STDERR_TAIL_CHARS = 16_384;
const DEFAULT_GRACE_MS = 2000;
/** The longest timer of Node, about 24 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;

const running = new Set<RunningTool>();

/**
 * Starts a program in a process group of its own, with a minimal environment. The only place that spawns.
 * When the leader ends, the rest of its group is killed.
 *
 * @example await spawnTool({ command: "/usr/bin/ffmpeg", args: ["-version"], cwd, limits, sandbox, stdout: "ignore" }).exited
 */
export function spawnTool(options: ToolOptions): RunningTool {
  options.signal?.throwIfAborted();
  const { limits, sandbox, access = null } = options;
  const { command, args } = sandbox?.wrap(options.command, options.args, limits, access) ?? options;
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...minimalEnvironment(options.cwd), ...options.env },
    stdio: [
      options.stdin ?? "ignore",
      options.stdout,
      "pipe",
      ...(options.onExtraLine ? ["pipe" as const] : []),
    ],
    detached: true,
  });
  // A tool that ends before it has read its input is judged by its exit, not by the broken pipe.
  child.stdin?.on("error", () => {});
  const kill = groupKiller(child, options.graceMs ?? DEFAULT_GRACE_MS);
  let limit: ToolExit["limit"] = null;
  const exceed = (which: "time" | "output") => {
    limit ??= which;
    kill();
  };
  const { maxStdoutBytes = Number.POSITIVE_INFINITY, onStdoutLine } = options;
  if (onStdoutLine) {
    const split = lineSplitter(onStdoutLine);
    child.stdout?.on(
      "data",
      cappedReader(split, maxStdoutBytes, () => exceed("output")),
    );
  }
  if (options.onExtraLine) child.stdio[3]?.on("data", lineSplitter(options.onExtraLine));
  const stderrTail = collectTail(child, options.onStderrLine);

  options.signal?.addEventListener("abort", kill, { once: true });
  const deadline =
    limits.wallMs === null
      ? undefined
      : setTimeout(() => exceed("time"), Math.min(limits.wallMs, MAX_TIMER_MS));
  const exited = new Promise<ToolExit>((resolve, reject) => {
    child.once("error", (error) => {
      if (child.pid === undefined)
        reject(new ServiceFault("internal", `cannot start: ${error.message}`, { cause: error }));
    });
    child.once("exit", () => signalGroup(child, "SIGKILL"));
    child.once("close", (code, signal) => {
      if (signal === "SIGXCPU") limit ??= "processor time";
      resolve({ code, signal, limit, stderrTail: stderrTail() });
    });
  }).finally(() => {
    clearTimeout(deadline);
    options.signal?.removeEventListener("abort", kill);
    running.delete(tool);
  });
  const tool: RunningTool = { pid: child.pid, stdin: child.stdin, stdout: child.stdout, exited, kill };
  running.add(tool);
  // The caller may await `exited` later; until then a failed start must not count as unhandled.
  exited.catch(() => {});
  return tool;
}

/** Ends every tool that is still alive, its children too, and waits until all of them have ended. */
export async function killAllTools(): Promise<void> {
  const tools = [...running];
  for (const tool of tools) tool.kill();
  await Promise.allSettled(tools.map((tool) => tool.exited));
}

/** Number of living tools; for health and tests. */
export function liveToolCount(): number {
  return running.size;
}

// The last resort if this process ends without the above: no tool outlives it.
process.on("exit", () => {
  for (const tool of running) if (tool.pid !== undefined) signalProcessGroup(tool.pid, "SIGKILL");
});

function minimalEnvironment(cwd: string): Record<string, string> {
  return { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: cwd, TMPDIR: cwd, LANG: "C.UTF-8" };
}

function groupKiller(child: ChildProcess, graceMs: number): () => void {
  let timer: NodeJS.Timeout | undefined;
  child.once("exit", () => clearTimeout(timer));
  return () => {
    if (timer !== undefined || hasEnded(child)) return;
    signalGroup(child, "SIGTERM");
    timer = setTimeout(() => signalGroup(child, "SIGKILL"), graceMs);
  };
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid !== undefined) signalProcessGroup(child.pid, signal);
}

/**
 * Signals every process of a group. A group that has already ended is fine; macOS returns EPERM if only a zombie is
 * left.
 */
export function signalProcessGroup(groupId: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-groupId, signal);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "ESRCH" && code !== "EPERM") throw error;
  }
}

/** Passes chunks on until there are too many bytes; then it reports this once and passes nothing on. */
function cappedReader(
  pass: (chunk: Buffer) => void,
  maxBytes: number,
  onExceeded: () => void,
): (chunk: Buffer) => void {
  let left = maxBytes;
  return (chunk) => {
    if (left < 0) return;
    left -= chunk.length;
    if (left < 0) onExceeded();
    else pass(chunk);
  };
}

function collectTail(child: ChildProcess, onLine?: (line: string) => void): () => string {
  let tail = "";
  child.stderr?.on(
    "data",
    lineSplitter((line) => {
      tail = `${tail}${line}\n`.slice(-STDERR_TAIL_CHARS);
      onLine?.(line);
    }),
  );
  return () => tail;
}
