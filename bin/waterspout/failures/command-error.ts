import type { ExitCode } from "./exit-codes.ts";

/** The command cannot go on; the message tells the person at the terminal why and what to do. */
export class CommandError extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}
