import { readFileSync } from "node:fs";
import { CommandError } from "../failures/command-error.ts";
import { EXIT } from "../failures/exit-codes.ts";

/** A file's text. @throws CommandError `local` */
export function readTextFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new CommandError(EXIT.local, `${path} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}

/** What a JSON file holds; the sentence of a failure quotes nothing of it. @throws CommandError `local` */
export function readJsonFile(path: string): unknown {
  const text = readTextFile(path);
  try {
    return JSON.parse(text);
  } catch {
    throw new CommandError(EXIT.local, `${path} is not JSON`);
  }
}
