import { spawn } from "node:child_process";
import { once } from "node:events";
import { root } from "../stack/paths.ts";

/** A check in addition to the tests. */
export interface Check {
  readonly name: string;
  run(): Promise<boolean>;
}

/** Runs a program of the packages with its output on the terminal. @returns whether it succeeded */
export async function succeeds(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<boolean> {
  const child = spawn(command, args, {
    ...{ cwd: root, stdio: ["ignore", "inherit", "inherit"] },
    env: { ...process.env, ...env },
  });
  const [code] = (await once(child, "exit")) as [number | null];
  return code === 0;
}
