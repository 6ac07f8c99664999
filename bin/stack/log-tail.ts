import { existsSync, readFileSync } from "node:fs";

/** The last lines of a log, for a message about why its process ended. */
export function logTail(file: string, lines = 15): string {
  if (!existsSync(file)) return "";
  return readFileSync(file, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
}
