import { readFileSync } from "node:fs";
import { CommandError } from "../failures/command-error.ts";
import { EXIT } from "../failures/exit-codes.ts";

/** The text of a file. @throws CommandError `local` */
export function readTextFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new CommandError(EXIT.local, sentenceOf(path, error as NodeJS.ErrnoException));
  }
}

/** The content of a JSON file; the sentence of a failure quotes nothing of it. @throws CommandError `local` */
export const readJsonFile = (path: string): unknown => parseJsonText(readTextFile(path), path);

/** @param source what the sentence of a failure calls the text @throws CommandError `local` */
export function parseJsonText(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new CommandError(EXIT.local, `${source} is not valid JSON`);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EISDIR: "it is a folder",
  ELOOP: "its symbolic links lead in a circle",
  ENAMETOOLONG: "its name is too long",
};

function sentenceOf(path: string, { code = "", message }: NodeJS.ErrnoException): string {
  if (code === "ENOENT" || code === "ENOTDIR") return `There is no file ${path}`;
  return `${path} cannot be read: ${REASONS[code] ?? message}`;
}
