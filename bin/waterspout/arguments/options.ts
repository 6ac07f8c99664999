import { type ParseArgsConfig, parseArgs } from "node:util";
import type { Args, Command, Options } from "../command.ts";
import { CommandError } from "../failures/command-error.ts";
import { EXIT } from "../failures/exit-codes.ts";

/** Options that every command takes. */
export const COMMON_OPTIONS: Options = {
  json: { help: "Print JSON, one document a line" },
  url: { value: "URL", help: "Address of the API; default WATERSPOUT_URL, else the local stack" },
  "key-file": { value: "FILE", help: "File with the key; default WATERSPOUT_API_KEY, else the local key" },
  state: {
    value: "FOLDER",
    help: "State of the local stack; default WATERSPOUT_STATE, else .waterspout of the clone",
  },
  help: { help: "Show this" },
};

/** @throws CommandError `usage` */
export function parseOptions(command: Command, argv: readonly string[]): Args {
  const options = Object.fromEntries(
    Object.entries({ ...command.options, ...COMMON_OPTIONS }).map(([name, { value }]) => [
      name,
      { type: value === undefined ? "boolean" : "string" },
    ]),
  ) as NonNullable<ParseArgsConfig["options"]>;
  const { values, positionals } = parse(argv, options);
  return {
    operands: positionals,
    flag: (name) => values[name] === true,
    text: (name) => (typeof values[name] === "string" ? values[name] : undefined),
  };
}

function parse(argv: readonly string[], options: NonNullable<ParseArgsConfig["options"]>) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true });
  } catch (error) {
    // Node's own sentence, without its advice on dashes
    throw new CommandError(EXIT.usage, (error as Error).message.split(". ")[0] ?? "");
  }
}

/** @throws CommandError `usage` when there are too few or too many */
export function checkOperands({ operands = [] }: Command, given: readonly string[]): void {
  const required = operands.filter((operand) => operand.startsWith("<"));
  const missing = required[given.length];
  if (missing !== undefined) throw new CommandError(EXIT.usage, `${missing} is missing`);
  const endless = operands.some((operand) => operand.endsWith("…"));
  const surplus = given[operands.length];
  if (surplus !== undefined && !endless) {
    throw new CommandError(EXIT.usage, `"${surplus}" is a surplus argument`);
  }
}

/** A whole number, if there is one. @throws CommandError `usage` */
export function readNumber(args: Args, name: string, least: 0 | 1 = 1): number | undefined {
  const text = args.text(name);
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text) && Number(text) >= least) return Number(text);
  throw new CommandError(EXIT.usage, `--${name} is "${text}", which is not a whole number from ${least}`);
}

/** One of the choices, in any case. @throws CommandError `usage` */
export function readChoice<const T extends string>(
  args: Args,
  name: string,
  choices: readonly T[],
): T | undefined {
  const text = args.text(name);
  return text === undefined ? undefined : toChoice(text, name, choices);
}

/** Some of the choices, separated by commas. @throws CommandError `usage` */
export const readChoices = <const T extends string>(args: Args, name: string, choices: readonly T[]) =>
  args
    .text(name)
    ?.split(",")
    .map((part) => toChoice(part.trim(), name, choices));

function toChoice<const T extends string>(text: string, name: string, choices: readonly T[]): T {
  const choice = choices.find((known) => known.toLowerCase() === text.toLowerCase());
  if (choice !== undefined) return choice;
  throw new CommandError(EXIT.usage, `--${name} is "${text}"; it may be ${choices.join(", ")}`);
}
