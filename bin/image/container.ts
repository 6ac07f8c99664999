import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, closeSync, openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { logTail } from "../stack/log-tail.ts";
import type { CommandLine, ContainerSetup, Engine } from "./engine.ts";
import { ProgramError } from "./run-program.ts";

/** How long a container may take to answer, in milliseconds; a slow machine's first start takes half a minute. */
const START_MS = 180_000;
const BETWEEN_LOOKS = 250;
/** More than the image's own time to drain. */
const STOP_MS = 90_000;

/** A running container of the image that holds everything. */
export interface Container {
  readonly url: string;
  /** Runs a command in it and returns what it prints. @throws ProgramError */
  exec(...command: string[]): string;
  /** SIGTERM. @throws ProgramError when it does not end in good order */
  stop(): Promise<void>;
  /** Ends it at once, if it still runs. */
  kill(): void;
}

export interface ContainerPlace {
  readonly engine: Engine;
  readonly tag: string;
  readonly logFile: string;
}

const environmentOf = ({ env }: ContainerSetup) => ({ PATH: process.env.PATH ?? "", ...env });

/** Starts the image and waits until jobs can be delivered. @throws ProgramError with the end of its log */
export async function startContainer(
  { engine, tag, logFile }: ContainerPlace,
  setup: ContainerSetup,
  port: number,
): Promise<Container> {
  const [command, ...args] = engine.commandOf(tag, setup);
  const output = openSync(logFile, "a");
  const child = spawn(command, args, { env: environmentOf(setup), stdio: ["ignore", output, output] });
  closeSync(output);
  const url = `http://127.0.0.1:${port}`;
  const fail = (words: string): never => {
    throw new ProgramError(`The container ${words}. The end of its log:\n${logTail(logFile)}`);
  };
  const kill = () => void (isRunning(child) && child.kill("SIGKILL"));
  try {
    const refusal = await waitUntilReady(url, child);
    if (refusal !== null) fail(refusal);
  } catch (error) {
    kill();
    throw error;
  }
  return {
    url,
    kill,
    exec: (...words) => outputIn(engine.execCommandOf(tag, setup, child.pid ?? 0, words), setup),
    async stop() {
      const ended = once(child, "exit") as Promise<[number | null, string | null]>;
      child.kill("SIGTERM");
      const timer = new AbortController();
      const tooLate = sleep(STOP_MS, null, { signal: timer.signal }).catch(() => null);
      const outcome = await Promise.race([ended, tooLate]);
      timer.abort();
      if (outcome === null) fail(`still runs ${STOP_MS / 1000} s after SIGTERM`);
      else if (outcome[0] !== 0) fail(`ended with ${outcome[0] ?? outcome[1]}`);
    },
  };
}

/** Runs a command in a container of its own, which has the same volume, and returns what it prints. */
export function runOnce(
  { engine, tag, logFile }: ContainerPlace,
  setup: ContainerSetup,
  command: readonly string[],
): string {
  const output = outputIn(engine.commandOf(tag, { ...setup, command }), setup);
  appendFileSync(logFile, `${output}\n`);
  return output;
}

function outputIn([command, ...args]: CommandLine, setup: ContainerSetup): string {
  const { error, status, stdout, stderr } = spawnSync(command, args, {
    encoding: "utf8",
    env: environmentOf(setup),
  });
  if (!error && status === 0) return stdout.trim();
  throw new ProgramError(
    `A command in the container failed: ${error?.message ?? `${stdout}${stderr}`.trim()}`,
  );
}

const isRunning = ({ exitCode, signalCode }: ChildProcess) => exitCode === null && signalCode === null;

/** @returns what to say when it did not become ready; null if it did */
async function waitUntilReady(url: string, child: ChildProcess): Promise<string | null> {
  let last = "does not answer";
  for (const deadline = Date.now() + START_MS; Date.now() < deadline; await sleep(BETWEEN_LOOKS)) {
    if (!isRunning(child)) return `ended with ${child.exitCode ?? child.signalCode}`;
    try {
      const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(10_000) });
      const body = await response.text();
      if (response.ok) return null;
      last = `is not ready: ${body}`;
    } catch {
      // it does not listen yet
    }
  }
  return last;
}
