import { spawn } from "node:child_process";
import { once } from "node:events";
import { root } from "../stack/paths.ts";

/** A check in addition to the tests. */
export interface Check {
  readonly name: string;
  run(): Promise<boolean>;
}

/** What a check may take, in milliseconds; it is ended then, so that none holds up the suite for ever. */
const LIMIT = 15 * 60_000;

/** Runs a program of the packages with its output on the terminal. @returns whether it succeeded */
export async function succeeds(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<boolean> {
  const child = spawn(command, args, {
    ...{ cwd: root, stdio: ["ignore", "inherit", "inherit"] },
    ...{ timeout: LIMIT, killSignal: "SIGKILL" },
    env: { ...process.env, ...env },
  });
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  if (signal) console.error(`${command} was ended by ${signal}`);
  return code === 0;
}
