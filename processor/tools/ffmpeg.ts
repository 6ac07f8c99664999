import type { Readable } from "node:stream";
import type { EgressProxy } from "../egress/proxy.ts";
import { Fault, ServiceFault, SourceFault } from "../fault.ts";
import type { Tools } from "./discover.ts";
import { spawnTool } from "./exec.ts";
import { proxyEnvironment } from "./proxy-environment.ts";
import { portOf, type ToolAccess, type ToolPurpose } from "./sandbox.ts";
import { classifyFfmpeg } from "./tool-errors.ts";
import type { ToolInput } from "./tool-input.ts";

export interface FfmpegProgress {
  /** Timestamp of the last frame written, in milliseconds. */
  readonly outTimeMs: number;
  /** Bytes written so far. */
  readonly totalSize: number;
  /** Media seconds per second; null while unknown. */
  readonly speed: number | null;
}

export interface FfmpegOptions {
  readonly tools: Pick<Tools, "ffmpeg" | "sandbox">;
  readonly inputs: readonly ToolInput[];
  /** Maps, filters, codecs and outputs; inputs and general options are added here. */
  readonly args: readonly string[];
  /** Decides how much it may use. */
  readonly purpose: ToolPurpose;
  readonly cwd: string;
  /** The only network that ffmpeg sees. */
  readonly proxy: Pick<EgressProxy, "url" | "blocked">;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: FfmpegProgress) => void) | undefined;
  /** Longest time without a byte or a moment of output, in milliseconds; ffmpeg itself waits forever. Default: none. */
  readonly stallMs?: number | undefined;
  /** `pipe` when an output is `pipe:1`. */
  readonly stdout?: "pipe" | "ignore";
  /** Reads the output `pipe:1` line by line. */
  readonly onStdoutLine?: ((line: string) => void) | undefined;
  /**
   * Continues after errors of the media, and reports them as warnings: the result must be checked. By default the first
   * error ends the run, because ffmpeg also exits with 0 on sources that break off.
   */
  readonly tolerant?: boolean | undefined;
  readonly onStderrLine?: ((line: string) => void) | undefined;
}

export interface FfmpegResult {
  /** How many more bytes `-moov_size` must reserve; the output is unusable then. Undefined: all is well. */
  readonly moovShortfallBytes: number | undefined;
  /** Errors that ffmpeg reported although it exited successfully. */
  readonly stderrTail: string;
}

export interface FfmpegRun {
  /** The output `pipe:1`; it must be read, or ffmpeg waits. */
  readonly stdout: Readable | null;
  /** Rejects with a Fault by {@link classifyFfmpeg}, or with the signal's reason. */
  readonly finished: Promise<FfmpegResult>;
}

/** Progress goes to a separate pipe. */
const generalArgs = (tolerant: boolean): string[] => [
  ...["-hide_banner", "-nostdin", "-y", "-nostats", "-progress", "pipe:3"],
  ...(tolerant ? ["-v", "warning"] : ["-v", "error", "-xerror"]),
];

/** Starts ffmpeg and waits for its end. See {@link startFfmpeg}. */
export function runFfmpeg(options: FfmpegOptions): Promise<FfmpegResult> {
  return startFfmpeg(options).finished;
}

/**
 * Starts ffmpeg with the egress proxy as its only network and its work folder as its only disk.
 *
 * @example startFfmpeg({ tools, proxy, cwd, purpose: "make", inputs: [input], args: ["-c", "copy", "out.mp4"] }).finished
 */
export function startFfmpeg(options: FfmpegOptions): FfmpegRun {
  const { args, cwd, inputs, proxy, purpose, tools } = options;
  if (args.includes("-i")) throw new Error("an input is named by a ToolInput only");
  const refusals = proxy.blocked().length;
  const stall = new StallTimer(options.stallMs);
  const tool = spawnTool({
    command: tools.ffmpeg.path,
    args: [...generalArgs(options.tolerant ?? false), ...inputs.flatMap((input) => input.args), ...args],
    env: proxyEnvironment(proxy.url),
    cwd,
    limits: tools.sandbox.limits[purpose],
    sandbox: tools.sandbox,
    access: accessFor(inputs, cwd, proxy.url),
    signal: options.signal,
    stdout: options.stdout ?? "ignore",
    ...(options.onStdoutLine ? { onStdoutLine: options.onStdoutLine } : {}),
    ...(options.onStderrLine ? { onStderrLine: options.onStderrLine } : {}),
    onExtraLine: progressReader((progress) => {
      stall.onProgress(progress);
      options.onProgress?.(progress);
    }),
  });
  stall.start(tool.kill);
  const finished = tool.exited
    .finally(() => stall.stop())
    .then((exit): FfmpegResult => {
      options.signal?.throwIfAborted();
      if (stall.hasFired)
        throw new SourceFault("network", `ffmpeg made no progress for ${options.stallMs} ms`);
      if (exit.limit === "time") throw new ServiceFault("timeout", "ffmpeg was not done by its deadline");
      const moovShortfallBytes = moovShortfall(exit.stderrTail);
      if (exit.code === 0 || moovShortfallBytes !== undefined) {
        return { moovShortfallBytes, stderrTail: exit.stderrTail };
      }
      const wasRefused = proxy.blocked(refusals).length > 0;
      throw Fault.of(wasRefused ? "egress_blocked" : classifyFfmpeg(exit.stderrTail, exit), exit.stderrTail);
    });
  finished.catch(() => {});
  return { stdout: tool.stdout, finished };
}

/** What a tool needs for these inputs: the work folder, its input files, and the proxy if one is a URL. */
export function accessFor(inputs: readonly ToolInput[], cwd: string, proxyUrl: string): ToolAccess {
  const paths = inputs.map(({ path }) => path);
  return {
    write: [cwd],
    read: paths.filter((path) => path !== null),
    ports: paths.includes(null) ? [portOf(proxyUrl)] : [],
  };
}

function moovShortfall(stderr: string): number | undefined {
  const needed = /reserved_moov_size is too small, needed (\d+) additional/.exec(stderr)?.[1];
  return needed === undefined ? undefined : Number(needed);
}

/** Kills a run that neither writes nor advances; that it still sends reports proves nothing. */
class StallTimer {
  hasFired = false;
  readonly #limitMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #last = "";

  constructor(limitMs: number | undefined) {
    this.#limitMs = limitMs;
  }

  start(kill: () => void): void {
    if (this.#limitMs === undefined) return;
    this.#timer = setTimeout(() => {
      this.hasFired = true;
      kill();
    }, this.#limitMs);
  }

  onProgress({ outTimeMs, totalSize }: FfmpegProgress): void {
    const now = `${outTimeMs} ${totalSize}`;
    if (now === this.#last || this.hasFired) return;
    this.#last = now;
    this.#timer?.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

/** Collects `key=value` lines until a block is complete. */
function progressReader(onProgress: (progress: FfmpegProgress) => void): (line: string) => void {
  let block: Record<string, string> = {};
  return (line) => {
    const [key = "", value = ""] = line.split("=");
    if (key !== "progress") {
      block[key] = value.trim();
      return;
    }
    const { out_time_us = "", total_size = "", speed = "" } = block;
    block = {};
    onProgress({
      outTimeMs: Math.max(0, numberOr(out_time_us, 0) / 1000),
      totalSize: numberOr(total_size, 0),
      speed: numberOr(speed.replace("x", ""), null),
    });
  };
}

function numberOr<T>(text: string, otherwise: T): number | T {
  const value = Number.parseFloat(text);
  return Number.isNaN(value) ? otherwise : value;
}
