import type { Readable } from "node:stream";
import type { EgressProxy } from "../egress/proxy.ts";
import { Fault } from "../fault.ts";
import type { Tools } from "./discover.ts";
import { spawnTool } from "./exec.ts";
import { proxyEnvironment } from "./proxy-environment.ts";
import { classifyFfmpeg } from "./tool-errors.ts";

export interface FfmpegProgress {
  /** Time stamp of the last frame written, in milliseconds. */
  readonly outTimeMs: number;
  /** Bytes written so far. */
  readonly totalSize: number;
  /** Media seconds per second; null while unknown. */
  readonly speed: number | null;
}

export interface FfmpegOptions {
  readonly tools: Pick<Tools, "ffmpeg">;
  /** Inputs, filters, codecs and outputs; everything general is added here. */
  readonly args: readonly string[];
  readonly cwd: string;
  /** The only network that ffmpeg sees. */
  readonly proxy: Pick<EgressProxy, "url" | "blocked">;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: FfmpegProgress) => void) | undefined;
  /** Longest time without a byte or a moment of output, in milliseconds; ffmpeg itself waits for ever. Default: none. */
  readonly stallMs?: number | undefined;
  /** `pipe` when an output is `pipe:1`. */
  readonly stdout?: "pipe" | "ignore";
}

export interface FfmpegResult {
  /** How many more bytes `-moov_size` must reserve; the output is unusable then. Undefined: all is well. */
  readonly moovShortfallBytes: number | undefined;
  /** Errors that ffmpeg told although it ended well. */
  readonly stderrTail: string;
}

export interface FfmpegRun {
  /** The output `pipe:1`; it must be read, or ffmpeg waits. */
  readonly stdout: Readable | null;
  /** Rejects with a Fault by {@link classifyFfmpeg}, or with the signal's reason. */
  readonly finished: Promise<FfmpegResult>;
}

/** `-xerror`: without it, ffmpeg ends with 0 on sources that break off. Progress goes to a pipe of its own. */
const GENERAL_ARGS = [
  "-hide_banner",
  "-nostdin",
  "-xerror",
  "-y",
  "-v",
  "error",
  "-nostats",
  "-progress",
  "pipe:3",
];

/** Protocols of an input from the network: no `file`, so that no playlist can name one. */
const NETWORK_PROTOCOLS = "http,https,httpproxy,tcp,tls,crypto,data";
/** Protocols of an input from the work folder: no network. */
const LOCAL_PROTOCOLS = "file,pipe,fd,crypto,data";

/** Starts ffmpeg and waits for its end. See {@link startFfmpeg}. */
export function runFfmpeg(options: FfmpegOptions): Promise<FfmpegResult> {
  return startFfmpeg(options).finished;
}

/**
 * Starts ffmpeg with the egress proxy as its whole network and a list of protocols before each input.
 *
 * @example startFfmpeg({ tools, proxy, cwd, args: ["-i", `${mount.baseUrl}/v`, "-c", "copy", "out.mp4"] }).finished
 */
export function startFfmpeg(options: FfmpegOptions): FfmpegRun {
  const refusals = options.proxy.blocked().length;
  const stall = new StallTimer(options.stallMs);
  const tool = spawnTool({
    command: options.tools.ffmpeg.path,
    args: [...GENERAL_ARGS, ...withProtocolLists(options.args)],
    env: proxyEnvironment(options.proxy.url),
    cwd: options.cwd,
    signal: options.signal,
    stdout: options.stdout ?? "ignore",
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
      if (stall.hasFired) throw new Fault("network", `ffmpeg made no progress for ${options.stallMs} ms`);
      const moovShortfallBytes = moovShortfall(exit.stderrTail);
      if (exit.code === 0 || moovShortfallBytes !== undefined) {
        return { moovShortfallBytes, stderrTail: exit.stderrTail };
      }
      const wasRefused = options.proxy.blocked(refusals).length > 0;
      throw new Fault(wasRefused ? "egress_blocked" : classifyFfmpeg(exit.stderrTail, exit), exit.stderrTail);
    });
  finished.catch(() => {});
  return { stdout: tool.stdout, finished };
}

/**
 * Puts a list of allowed protocols before each `-i`; the list depends on whether that input is a URL.
 *
 * @example withProtocolLists(["-i", "in.mp4"]) // ["-protocol_whitelist", "file,…", "-i", "in.mp4"]
 */
export function withProtocolLists(args: readonly string[]): string[] {
  return args.flatMap((arg, i) =>
    arg === "-i" ? ["-protocol_whitelist", protocolsFor(args[i + 1] ?? ""), arg] : [arg],
  );
}

/** What ffmpeg and ffprobe may open on behalf of one input. */
export function protocolsFor(input: string): string {
  return /^https?:/i.test(input) ? NETWORK_PROTOCOLS : LOCAL_PROTOCOLS;
}

function moovShortfall(stderr: string): number | undefined {
  const needed = /reserved_moov_size is too small, needed (\d+) additional/.exec(stderr)?.[1];
  return needed === undefined ? undefined : Number(needed);
}

/** Kills a run that neither writes nor advances; the pace of its reports alone proves nothing. */
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

/** Collects `key=value` lines until a block is whole. */
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
