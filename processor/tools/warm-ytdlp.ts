import { fileURLToPath } from "node:url";
import { ServiceFault } from "../fault.ts";
import type { Tools } from "./discover.ts";
import { type RunningTool, signalProcessGroup, spawnTool } from "./exec.ts";
import { lineSplitter } from "./lines.ts";
import type { ToolAccess } from "./sandbox.ts";
import type { ExtractionFailure } from "./tool-errors.ts";

/** What every task of extractor.py has: how much it may use, and what it may access. */
export interface Confinement {
  readonly limits: {
    /** Address space in bytes; null for no limit. */
    readonly memory: number | null;
    /** CPU time in seconds; null for no limit. */
    readonly cpu: number | null;
    /** Maximum size of one page in bytes. */
    readonly page: number;
  };
  /** Null: no isolation. */
  readonly access: ToolAccess | null;
}

/** What extractor.py reads; see the protocol at its head. */
export type WarmTask =
  | {
      readonly kind: "extract";
      readonly url: string;
      readonly params: object;
      readonly cookies: string | null;
    }
  | {
      readonly kind: "list";
      readonly url: string;
      /** Maximum number of entries to report. */
      readonly limit: number;
      /** Entries at the beginning that are left out. */
      readonly skip: number;
      readonly params: object;
      readonly cookies: string | null;
    }
  | {
      readonly kind: "select" | "download";
      readonly info: object;
      readonly params: object;
      readonly cookies: string | null;
    };

/** What extractor.py answers without the network, by a process that answers many; see the protocol at its head. */
export type WarmQuestion =
  | { readonly kind: "address"; readonly url: string; readonly params: object }
  | {
      readonly kind: "direct";
      readonly url: string;
      readonly params: object;
      /** Address of the response, if it is another one. */
      readonly redirected: string | null;
      readonly headers: Readonly<Record<string, string>>;
      /** First bytes of the body, in Base64. */
      readonly head: string;
    };

export interface TaskProgress {
  readonly bytes: number;
  readonly total: number | null;
}

/** One item of a list, as the source names it. */
export interface YtdlpEntry {
  readonly url: string | null;
  readonly id: string | null;
  /** What the list says about it is better than what its media says. */
  readonly authoritative: boolean;
  readonly title: string | null;
  readonly description: string | null;
  /** `YYYYMMDD`. */
  readonly release_date: string | null;
  /** Only its owner may see it, or it is gone. */
  readonly unavailable: boolean;
  /** The site whose id it has; null for generic pages. */
  readonly site: string | null;
  readonly channel: string | null;
  /** Epoch seconds. */
  readonly timestamp: number | null;
  /** Seconds. */
  readonly duration: number | null;
  readonly live: "upcoming" | "live" | "was_live" | null;
}

/** What a list task reports: the list's title first, then one entry after the other. */
export type ListPart = { readonly list: string | null } | { readonly entry: YtdlpEntry };

/** Receives what a task reports before it ends. */
export interface TaskListener {
  readonly onProgress?: ((progress: TaskProgress) => void) | undefined;
  readonly onPart?: ((part: ListPart) => void) | undefined;
}

/** How a task ended. `gone`: its process died without a response; `outOfTime`: by its limit on CPU time. */
export type TaskEnd =
  | { readonly type: "answer"; readonly response: Readonly<Record<string, unknown>> }
  | { readonly type: "failure"; readonly failure: ExtractionFailure }
  | { readonly type: "gone"; readonly outOfTime?: boolean };

/** A task or a question under way. */
interface RunningTask {
  readonly ended: Promise<TaskEnd>;
  readonly cancel: () => void;
}

interface ExtractorLine {
  readonly id?: number;
  readonly ready?: boolean;
  readonly pid?: number;
  readonly progress?: TaskProgress;
  readonly part?: ListPart;
  readonly ok?: boolean;
  readonly failure?: ExtractionFailure;
  readonly gone?: boolean;
  readonly out_of_time?: boolean;
  readonly rss?: number;
}

interface Pending {
  pid: number | undefined;
  isCancelled: boolean;
  readonly listener: TaskListener;
  readonly end: (end: TaskEnd) => void;
}

/** Longest line of the protocol; the script refuses to write one of half that length. */
const MAX_LINE_BYTES = 64 << 20;

const SCRIPT = fileURLToPath(new URL("extractor.py", import.meta.url));

/** One warm Python parent and the tasks that it forks. */
export class WarmYtdlp {
  /** Resolves when the first task would not have to wait; rejects with a Fault when the parent cannot start. */
  readonly ready: Promise<void>;
  /** Tasks started so far. */
  uses = 0;
  /** Largest memory of the parent so far, in bytes. */
  peakRssBytes = 0;
  readonly #tool: RunningTool;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #isAlive = true;
  #isRetired = false;

  constructor(options: { tools: Pick<Tools, "ytdlp">; cwd: string; loadPlugins: boolean }) {
    const { python, pythonPath } = options.tools.ytdlp;
    this.#tool = spawnTool({
      command: python,
      args: [SCRIPT],
      env: {
        PYTHONDONTWRITEBYTECODE: "1",
        PYTHONUTF8: "1",
        PYTHONSAFEPATH: "1",
        ...(pythonPath === undefined ? {} : { PYTHONPATH: pythonPath }),
        ...(options.loadPlugins ? { YTDLP_PLUGINS: "1" } : {}),
      },
      cwd: options.cwd,
      stdin: "pipe",
      stdout: "pipe",
      // it runs until it is stopped, and reads nothing foreign; each of its tasks has separate limits
      limits: { wallMs: null, memoryBytes: null, cpuSeconds: null },
      sandbox: null,
    });
    const started = Promise.withResolvers<void>();
    this.ready = started.promise;
    this.ready.catch(() => {});
    this.#tool.stdout?.on(
      "data",
      lineSplitter((text) => {
        const line = parseLine(text);
        if (line === null) return;
        if (line.ready) started.resolve();
        else this.#onLine(line);
      }, MAX_LINE_BYTES),
    );
    const onEnd = (detail: string) => {
      this.#isAlive = false;
      started.reject(new ServiceFault("internal", `warm yt-dlp ended: ${detail}`, { suspicion: "likely" }));
      for (const task of this.#pending.values()) {
        // A task has its own process group; it does not end with the parent's.
        if (task.pid !== undefined) signalProcessGroup(task.pid, "SIGKILL");
        task.end({ type: "gone" });
      }
      this.#pending.clear();
    };
    this.#tool.exited.then(
      (exit) => onEnd(exit.stderrTail),
      (error: Error) => onEnd(error.message),
    );
  }

  /** False once the parent has ended; every unfinished task has ended with `gone` then. */
  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Settles when the parent has ended. */
  get gone(): Promise<void> {
    return this.#tool.exited.then(
      () => {},
      () => {},
    );
  }

  /** Process id of the parent. */
  get pid(): number | undefined {
    return this.#tool.pid;
  }

  /** Starts a task. Cancelling kills its processes; it ends with `gone` when they have ended. */
  run(task: WarmTask & Confinement, listener: TaskListener = {}): RunningTask {
    this.uses++;
    return this.#begin(task, listener);
  }

  /** Asks a question. Cancelling it kills the process that answers it; the questions behind it get another one. */
  ask(question: WarmQuestion & Confinement): RunningTask {
    return this.#begin(question, {});
  }

  #begin(task: (WarmTask | WarmQuestion) & Confinement, listener: TaskListener): RunningTask {
    const id = ++this.#lastId;
    const { promise: ended, resolve: end } = Promise.withResolvers<TaskEnd>();
    if (!this.#isAlive) {
      end({ type: "gone" });
      return { ended, cancel: () => {} };
    }
    const pending: Pending = { pid: undefined, isCancelled: false, listener, end };
    this.#pending.set(id, pending);
    this.#send({ id, ...task });
    const cancel = () => {
      if (!this.#pending.has(id) || pending.isCancelled) return;
      pending.isCancelled = true;
      this.#send({ id, kind: "cancel" });
    };
    return { ended, cancel };
  }

  /** Ends the parent and every task; resolves when all are gone. */
  async close(): Promise<void> {
    this.#tool.kill();
    await this.gone;
  }

  /** Ends the parent as soon as its last unfinished task is over; it accepts no new ones meanwhile. */
  retire(): void {
    this.#isRetired = true;
    if (this.#pending.size === 0) this.#tool.kill();
  }

  #send(message: object): void {
    this.#tool.stdin?.write(`${JSON.stringify(message)}\n`);
  }

  #onLine(line: ExtractorLine): void {
    const task = this.#pending.get(line.id ?? 0);
    if (line.rss !== undefined) this.peakRssBytes = line.rss;
    if (!task) return;
    if (line.pid !== undefined) task.pid = line.pid;
    if (line.progress) task.listener.onProgress?.(line.progress);
    if (line.part && !task.isCancelled) task.listener.onPart?.(line.part);
    if (line.ok !== undefined && !task.isCancelled) task.end(endOf(line));
    if (line.gone) {
      this.#pending.delete(line.id ?? 0);
      task.end({ type: "gone", outOfTime: line.out_of_time ?? false });
      if (this.#isRetired && this.#pending.size === 0) this.#tool.kill();
    }
  }
}

function endOf(line: ExtractorLine): TaskEnd {
  if (line.failure) return { type: "failure", failure: line.failure };
  return { type: "answer", response: line as Readonly<Record<string, unknown>> };
}

/** Null for anything but a response, which must not crash this process. */
function parseLine(text: string): ExtractorLine | null {
  try {
    return JSON.parse(text) as ExtractorLine;
  } catch {
    return null;
  }
}
