import { parseArgs } from "node:util";
import { nearestName } from "../../../schema/api/nearest-name.ts";
import type { Command } from "../command.ts";
import { CommandError } from "../failures/command-error.ts";
import { EXIT } from "../failures/exit-codes.ts";
import type { Args, Option, Options } from "./args.ts";

/** Options that every command has. */
export const COMMON_OPTIONS: Options = {
  server: {
    value: "URL",
    help: "Address of the API; default: WATERSPOUT_URL, else the stack that runs here",
    alias: "url",
  },
  "key-file": {
    value: "FILE",
    help: "File that holds the key; default: WATERSPOUT_API_KEY, else the key of the stack that runs here",
  },
  state: {
    value: "FOLDER",
    help: "State folder of npm start; default: WATERSPOUT_STATE, else .waterspout in the clone",
  },
  json: { help: "Print JSON, one document per line" },
  quiet: { help: "Print only results and errors, no progress and no notes", short: "q" },
  help: { help: "Show this help", short: "h" },
};

/** Every name of an option that can follow two dashes, with the option's own name. */
function spellings(options: Options): Map<string, string> {
  return new Map(
    Object.entries(options).flatMap(([name, { alias }]) => [
      [name, name],
      ...(alias === undefined ? [] : [[alias, name] as const]),
    ]) as [string, string][],
  );
}

/**
 * Reads what follows the name of a command.
 *
 * @throws CommandError `usage`, with the option that was probably meant
 */
export function parseOptions(command: Command, words: readonly string[]): Args {
  const options = { ...command.options, ...COMMON_OPTIONS };
  const known = spellings(options);
  const { tokens } = parseArgs({
    args: [...words],
    options: Object.fromEntries(
      [...known].map(([word, name]) => [word, configOf(options[name], word === name)]),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values = new Map<string, string | true>();
  const written = new Map<string, string>();
  const operands: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") operands.push(token.value);
    if (token.kind !== "option") continue;
    const name = known.get(token.name);
    const option = name === undefined ? undefined : options[name];
    if (name === undefined || option === undefined) throw unknownOption(token.rawName, options);
    values.set(name, readValue(option, token));
    written.set(name, token.rawName);
  }
  return {
    operands,
    flag: (name) => values.get(name) === true,
    text: (name) => {
      const value = values.get(name);
      return value === true ? undefined : value;
    },
    spelling: (name) => written.get(name),
  };
}

const configOf = (option: Option | undefined, isOwnName: boolean) => ({
  type: option?.value === undefined ? ("boolean" as const) : ("string" as const),
  ...(option?.short !== undefined && isOwnName ? { short: option.short } : {}),
});

interface OptionToken {
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function readValue(
  { value: placeholder }: Option,
  { rawName, value, inlineValue }: OptionToken,
): string | true {
  if (placeholder === undefined) {
    if (value === undefined) return true;
    throw new CommandError(EXIT.usage, `${rawName} takes no value`);
  }
  if (value === undefined)
    throw new CommandError(EXIT.usage, `${rawName} needs a value: ${rawName} ${placeholder}`);
  // a single dash is standard input
  if (!inlineValue && value.startsWith("-") && value !== "-") {
    const advice = `for a value that begins with a dash, write ${rawName}=${value}`;
    throw new CommandError(EXIT.usage, `${rawName} needs a value: ${rawName} ${placeholder} (${advice})`);
  }
  return value;
}

function unknownOption(written: string, options: Options): CommandError {
  const shown = Object.entries(options).filter(([, { hidden }]) => !hidden);
  const candidates = new Map(shown.map(([name]) => [name, `--${name}`]));
  const meant = written.startsWith("--") ? nearestName(written.slice(2), candidates) : null;
  const advice = meant === null ? "see --help" : `did you mean ${meant}?`;
  return new CommandError(EXIT.usage, `There is no option ${written}; ${advice}`);
}

/** @throws CommandError `usage` if there are too few or too many operands */
export function checkOperands({ operands = [] }: Command, args: Args): void {
  const { operands: given } = args;
  const required = operands.filter((operand) => operand.startsWith("<"));
  const missing = required[given.length];
  if (missing !== undefined) throw new CommandError(EXIT.usage, missingText(missing, args));
  const endless = operands.some((operand) => operand.endsWith("…"));
  const surplus = given[operands.length];
  if (surplus !== undefined && !endless) {
    throw new CommandError(EXIT.usage, `"${surplus}" is one argument too many; see --help`);
  }
}

function missingText(operand: string, args: Args): string {
  const name = operand.replace("…", "");
  if (!name.includes("url") || args.spelling("server") !== "--url") return `${name} is missing; see --help`;
  return `${name} is missing: write it without --url, which is the address of the API (as --server is)`;
}
