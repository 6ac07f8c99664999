import { realpathSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { Isolation } from "../../schema/wire/run.ts";
import type { ProcessorConfig } from "../config.ts";

/** How much one tool may use. */
export interface ToolLimits {
  /** From its start to its end, in milliseconds; null for a tool that runs until it is stopped. */
  readonly wallMs: number | null;
  /** Address space in bytes; null for no limit. */
  readonly memoryBytes: number | null;
  /** CPU time in seconds, of all its threads; null for no limit. */
  readonly cpuSeconds: number | null;
}

/** What one tool may access; the rest of the machine is invisible to it. */
export interface ToolAccess {
  /** Folders and files that it may change. */
  readonly write: readonly string[];
  /** Folders and files that it may read, in addition to its program and the system's libraries. */
  readonly read: readonly string[];
  /** TCP ports that it may connect to. */
  readonly ports: readonly number[];
}

/**
 * What tools are started for:
 * - `inspect`: to inspect a file, for a thumbnail, for subtitles. Short on any honest file, so its limits are tight.
 * - `make`: to produce a file that is delivered. Hours of CPU time may be right; its deadline is the run's.
 */
export type ToolPurpose = "inspect" | "make";

type SandboxConfig = Pick<
  ProcessorConfig,
  | "toolIsolation"
  | "toolMemoryBytes"
  | "inspectMemoryBytes"
  | "inspectCpuSeconds"
  | "inspectSeconds"
  | "maxRunSeconds"
>;

/** Nothing is in force: the machine does not support it. */
export const NO_ISOLATION: Isolation = { files: false, network: false, signals: false, limits: false };

/** Libraries, certificates, fonts and devices that programs rely on; none of it is secret. */
const SYSTEM_READ = [
  ...["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store"],
  ...[
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    "/etc/ssl",
    "/etc/pki",
  ],
  ...["/etc/ca-certificates", "/etc/fonts", "/etc/localtime", "/etc/mime.types", "/etc/nsswitch.conf"],
  ...["/etc/hosts", "/etc/resolv.conf", "/etc/host.conf", "/etc/gai.conf"],
  ...["/sys/devices/system/cpu", "/sys/devices/system/node"],
];
const SYSTEM_WRITE = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

const SCRIPT = fileURLToPath(new URL("sandbox.py", import.meta.url));

/** Starts tools with limits and isolated from the machine, as far as it supports that. */
export class Sandbox {
  /** What is in force on this machine. */
  readonly isolation: Isolation;
  readonly limits: Readonly<Record<ToolPurpose, ToolLimits>>;
  readonly #python: string;

  /** Use {@link openSandbox}. */
  constructor(python: string, config: SandboxConfig, isolation: Isolation) {
    this.#python = python;
    this.isolation = isolation;
    const { inspectCpuSeconds, inspectMemoryBytes, inspectSeconds, maxRunSeconds, toolMemoryBytes } = config;
    this.limits = {
      inspect: {
        wallMs: inspectSeconds * 1000,
        memoryBytes: inspectMemoryBytes,
        cpuSeconds: inspectCpuSeconds,
      },
      make: { wallMs: maxRunSeconds * 1000, memoryBytes: toolMemoryBytes, cpuSeconds: null },
    };
  }

  /**
   * The command that becomes the given one after it dropped all other access.
   *
   * @param access null: the whole machine, within the limits
   */
  wrap(
    command: string,
    args: readonly string[],
    { cpuSeconds, memoryBytes }: ToolLimits,
    access: ToolAccess | null,
  ): { command: string; args: readonly string[] } {
    const { files, limits } = this.isolation;
    if (!files && !limits) return { command, args };
    const options = [
      ...(limits && memoryBytes !== null ? [`memory=${memoryBytes}`] : []),
      ...(limits && cpuSeconds !== null ? [`cpu=${cpuSeconds}`] : []),
      ...(files && access !== null ? accessOptions(wholeAccess(command, access)) : []),
    ];
    return { command: this.#python, args: ["-I", "-S", SCRIPT, ...options, "--", command, ...args] };
  }
}

/** With what every program needs: itself, the system's libraries and devices. */
export function wholeAccess(command: string, { ports, read, write }: ToolAccess): ToolAccess {
  return {
    read: [...SYSTEM_READ, ...foldersOf(command), ...read],
    write: [...SYSTEM_WRITE, ...write],
    ports,
  };
}

const accessOptions = ({ ports, read, write }: ToolAccess): string[] => [
  ...read.map((path) => `read=${path}`),
  ...write.map((path) => `write=${path}`),
  ...ports.map((port) => `port=${port}`),
];

/** A program and the files next to it: under its link, and at its real path. */
function foldersOf(command: string): string[] {
  try {
    return [dirname(command), dirname(realpathSync(command))];
  } catch {
    return [dirname(command)];
  }
}

/** The port of an address on this machine, for {@link ToolAccess.ports}. */
export const portOf = (url: string): number => {
  const { port, protocol } = new URL(url);
  return port === "" ? (protocol === "https:" ? 443 : 80) : Number(port);
};

/** Arguments for the interpreter, which then tries what the machine can enforce and prints it. */
export const REPORT_ARGS: readonly string[] = ["-I", "-S", SCRIPT, "report"];

/**
 * Creates a sandbox.
 *
 * @param python any available interpreter
 * @param report what it printed for {@link REPORT_ARGS}; undefined when it failed: then nothing is in force
 * @throws Error with a sentence when the operator requires isolation that the machine does not support
 */
export function openSandbox(python: string, config: SandboxConfig, report: string | undefined): Sandbox {
  const found = isolationOf(report);
  // isolation may cause problems on some machines, limits never do
  const isolation = config.toolIsolation === "off" ? { ...NO_ISOLATION, limits: found.limits } : found;
  if (config.toolIsolation === "required" && !isolation.files) {
    throw new Error(
      "TOOL_ISOLATION is required, but this kernel has no Landlock, or the container forbids it; allow it, or set TOOL_ISOLATION=auto",
    );
  }
  return new Sandbox(python, config, isolation);
}

function isolationOf(report: string | undefined): Isolation {
  try {
    return Isolation.parse(JSON.parse(report ?? ""));
  } catch {
    return NO_ISOLATION;
  }
}
