import { spawnSync } from "node:child_process";
import { StackError } from "../stack/errors.ts";
import { inRoot, root } from "../stack/paths.ts";

/** How a call of wrangler ended. */
export interface WranglerResult {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Calls wrangler; tests replace it with a double that has recorded responses. */
export type Wrangler = (args: readonly string[]) => WranglerResult;

/** The project's own wrangler, without questions at the terminal. */
export const wrangler: Wrangler = (args) => {
  const { error, status, stdout, stderr } = spawnSync(
    process.execPath,
    [inRoot("node_modules", "wrangler", "bin", "wrangler.js"), ...args],
    {
      cwd: root,
      encoding: "utf8",
      maxBuffer: 64 << 20,
      env: { ...process.env, CI: "true", WRANGLER_SEND_METRICS: "false", WRANGLER_HIDE_BANNER: "true" },
    },
  );
  if (error) throw new StackError(`wrangler could not be started: ${error.message}`);
  return { ok: status === 0, stdout, stderr };
};

/** What it printed. @throws StackError in wrangler's words */
export function outputOf(run: Wrangler, args: readonly string[]): string {
  const result = run(args);
  if (result.ok) return result.stdout;
  throw new StackError(`wrangler ${args.join(" ")} failed:\n${wordsOf(result)}`);
}

/** The JSON that wrangler printed, without the lines before it. */
export function jsonOf<T>(run: Wrangler, args: readonly string[]): T {
  const text = outputOf(run, args);
  const start = text.search(/[[{]/);
  try {
    return JSON.parse(text.slice(start)) as T;
  } catch {
    throw new StackError(`wrangler ${args.join(" ")} printed no JSON:\n${text.trim()}`);
  }
}

/**
 * Whether a command finds what it asks for.
 *
 * @param absent wrangler's message if it does not exist; any other failure is thrown
 */
export function finds(run: Wrangler, args: readonly string[], absent: RegExp): boolean {
  const result = run(args);
  if (result.ok) return true;
  if (absent.test(wordsOf(result))) return false;
  throw new StackError(`wrangler ${args.join(" ")} failed:\n${wordsOf(result)}`);
}

export const wordsOf = ({ stdout, stderr }: WranglerResult): string => `${stderr}\n${stdout}`.trim();
