import type { Client } from "../../schema/client.ts";
import type { Args, Options } from "./arguments/args.ts";
import type { Connection } from "./connection/connection.ts";
import type { ExitCode } from "./failures/exit-codes.ts";
import type { Output } from "./terminal/output.ts";

/** What a command works with. */
export interface Context {
  readonly api: Client;
  readonly connection: Connection;
  /** State folder of the installation on this machine. */
  readonly stateDir: string;
  readonly out: Output;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Every command by its name. */
  readonly commands: Readonly<Record<string, Command>>;
  /** Reads all of the standard input as text. */
  readonly readInput: () => Promise<string>;
}

/** One command of the command line. */
export interface Command {
  /** One line without a full stop, beginning with a verb. */
  readonly summary: string;
  /** More than the summary says, as paragraphs. */
  readonly details?: string;
  /** `<required>`, `[optional]`, `<one or more>…`. */
  readonly operands?: readonly string[];
  readonly options?: Options;
  /** What follows `npx waterspout`. */
  readonly examples: readonly string[];
  /** Which credential it needs; default: the caller's key. With `state` it does not use the API at all. */
  readonly needs?: "admin" | "nothing" | "state";
  run(args: Args, context: Context): Promise<ExitCode>;
}
