import { constants } from "node:os";
import { StackError } from "./errors.ts";

/** Says why a command did not finish. @returns its exit code */
export function exitCodeOf(error: unknown): number {
  if (error instanceof Error && error.name === "AbortError") return 128 + constants.signals.SIGINT;
  console.error(error instanceof StackError ? `[waterspout] ${error.message}` : error);
  return 1;
}
