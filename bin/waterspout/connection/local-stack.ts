import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { CommandError } from "../failures/command-error.ts";
import { EXIT } from "../failures/exit-codes.ts";

const LocalStack = z.object({ url: z.url(), api_key: z.string(), admin_token: z.string() });

/** What `npm start` wrote about the stack that runs now. */
export type LocalStack = z.infer<typeof LocalStack>;

/**
 * @param stateDir state folder of the stack
 * @returns null if no stack runs with this folder
 * @throws CommandError `local` if the file is there but cannot be used
 */
export function readLocalStack(stateDir: string): LocalStack | null {
  const path = join(stateDir, "local.json");
  const again = "Stop the stack, remove the file, and run npm start again.";
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw new CommandError(
      EXIT.local,
      `${path} cannot be read: ${code === "EACCES" ? "permission denied" : message}`,
    );
  }
  const found = LocalStack.safeParse(parseOrNull(text));
  if (found.success) return found.data;
  throw new CommandError(EXIT.local, `${path} is damaged. ${again}`);
}

function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
