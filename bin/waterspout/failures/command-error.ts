import type { ExitCode } from "./exit-codes.ts";

/** The command cannot continue; the message says why and what to do, to the person at the terminal. */
export class CommandError extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}
