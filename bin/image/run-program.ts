import { spawn, spawnSync } from "node:child_process";
import { root } from "../stack/paths.ts";

/** A program of this machine failed. */
export class ProgramError extends Error {
  override readonly name = "ProgramError";
}

/** Whether a program is installed and works. */
export const works = (command: string, args: readonly string[]): boolean =>
  spawnSync(command, args, { stdio: "ignore", timeout: 20_000 }).status === 0;

/** What a program prints. @throws ProgramError with the end of its output */
export function outputOf(command: string, args: readonly string[]): string {
  const { error, status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", cwd: root });
  if (!error && status === 0) return stdout.trim();
  throw new ProgramError(`${command} ${args[0]} failed: ${error?.message ?? stderr.trim()}`);
}

/** Runs a program whose output the person at the terminal sees. @throws ProgramError */
export async function runProgram(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  const code = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (status, signal) => resolve(status ?? signal));
  });
  if (code !== 0) throw new ProgramError(`${command} ${args.join(" ")} ended with ${code}`);
}
