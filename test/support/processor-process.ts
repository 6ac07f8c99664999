import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { PROCESSOR_ARGS } from "../../bin/stack/processor.ts";
import { freePort } from "./ports.ts";

/** A processor in a separate process, as operators run it. */
export interface ProcessorProcess {
  readonly url: string;
  readonly token: string;
  /** What it logged so far. */
  readonly log: string;
  /** Peak memory so far, in bytes; null where the system does not report it. */
  peakBytes(): number | null;
  /**
   * CPU time of all its threads so far, in milliseconds, without its tools; null where the system does not report it.
   */
  cpuMs(): number | null;
  /** Null while it runs. */
  readonly exitCode: number | null;
  post(path: string, body: unknown): Promise<Response>;
  stop(): Promise<void>;
}

const TOKEN = "test-processor-token-1234";

/**
 * @param env in addition to address, token and the path of programs
 * @param user numeric ids of user and group; default: this process's own
 */
export async function startProcessorProcess(
  env: Readonly<Record<string, string>>,
  user: { readonly uid?: number; readonly gid?: number } = {},
): Promise<ProcessorProcess> {
  const port = await freePort();
  const child = spawn(process.execPath, PROCESSOR_ARGS, {
    env: {
      ...{ PATH: process.env.PATH ?? "", HOST: "127.0.0.1", PORT: String(port), PROCESSOR_TOKEN: TOKEN },
      ...env,
    },
    stdio: ["ignore", "pipe", "inherit"],
    ...user,
  });
  let log = "";
  const listening = new Promise<void>((resolve, reject) => {
    child.stdout.on("data", (chunk: Buffer) => {
      log += chunk.toString("utf8");
      if (log.includes('"listening"')) resolve();
    });
    child.once("exit", () => reject(new Error(`the processor did not start: ${log}`)));
  });
  await listening;
  const url = `http://127.0.0.1:${port}`;
  return {
    ...{ url, token: TOKEN },
    get log() {
      return log;
    },
    get exitCode() {
      return child.exitCode;
    },
    peakBytes: () => {
      try {
        const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1];
        return kilobytes === undefined ? null : Number(kilobytes) * 1024;
      } catch {
        return null;
      }
    },
    cpuMs: () => {
      try {
        // after the name, which may contain anything; ticks of 10 ms
        const fields = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
        return (Number(fields[11]) + Number(fields[12])) * 10;
      } catch {
        return null;
      }
    },
    post: (path, body) =>
      fetch(url + path, {
        method: "POST",
        headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
        body: JSON.stringify(body),
      }),
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    },
  };
}
