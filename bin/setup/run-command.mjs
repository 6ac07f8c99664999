import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { projectNode, root, withPackageBinaries } from "./paths.mjs";
import { SetupError } from "./report.mjs";

/**
 * What keeps a program that runs for months small; the image says the same.
 *
 * @type {Readonly<Record<string, readonly string[]>>}
 */
const OPTIONS = { start: ["--max-semi-space-size=2", "--optimize-for-size"] };

/**
 * Runs `bin/<name>.ts` on the project's Node; passes signals on, and returns its exit code.
 *
 * @param {string} name
 * @param {string[]} args
 * @returns {Promise<number>} the exit code
 */
export function runCommand(name, args) {
  const script = join(root, "bin", `${name}.ts`);
  if (!/^[a-z-]+$/.test(name) || !existsSync(script)) {
    throw new SetupError(`There is no command "${name}". Try demo, start or test.`);
  }
  const child = spawn(projectNode, [...(OPTIONS[name] ?? []), script, ...args], {
    stdio: "inherit",
    env: { ...process.env, PATH: withPackageBinaries(process.env.PATH) },
  });
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
    process.on(signal, () => child.kill(signal));
  }
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}
