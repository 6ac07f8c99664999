import type { Client } from "../../schema/client.ts";
import type { ExitCode } from "./exit-codes.ts";
import type { Output } from "./output.ts";

/** An option as help shows it; without `value` it is a switch. */
export interface Option {
  /** Placeholder of the value. @example "FILE" */
  readonly value?: string;
  readonly help: string;
}
export type Options = Readonly<Record<string, Option>>;

/** What stood on the command line behind the command's name. */
export interface Args {
  readonly operands: readonly string[];
  flag(name: string): boolean;
  text(name: string): string | undefined;
}

/** What a command works with. */
export interface Context {
  readonly api: Client;
  /** Base URL of the API. */
  readonly url: string;
  /** State folder of the installation on this machine. */
  readonly stateDir: string;
  readonly out: Output;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

export interface Command {
  readonly summary: string;
  /** `<one>`, `[perhaps one]`, `<one or more>…`. */
  readonly operands?: readonly string[];
  readonly options?: Options;
  /** What stands behind `npx waterspout`. */
  readonly examples: readonly string[];
  /** Which credential it works with; default: the caller's key. With `state` it does not use the API at all. */
  readonly needs?: "admin" | "nothing" | "state";
  run(args: Args, context: Context): Promise<ExitCode>;
}
