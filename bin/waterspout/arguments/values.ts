import { CommandError } from "../failures/command-error.ts";
import { EXIT } from "../failures/exit-codes.ts";
import type { Args } from "./args.ts";

/** The value of an option as a whole number. @throws CommandError `usage` */
export function readNumber(args: Args, name: string, least: 0 | 1 = 1): number | undefined {
  const text = args.text(name);
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text) && Number(text) >= least) return Number(text);
  throw new CommandError(EXIT.usage, `--${name} must be a whole number from ${least}, not "${text}"`);
}

/** The value of an option as one of the choices, in upper or lower case. @throws CommandError `usage` */
export function readChoice<const T extends string>(
  args: Args,
  name: string,
  choices: readonly T[],
): T | undefined {
  const text = args.text(name);
  return text === undefined ? undefined : toChoice(text, name, choices);
}

/** The value of an option as some of the choices, separated by commas. @throws CommandError `usage` */
export const readChoices = <const T extends string>(args: Args, name: string, choices: readonly T[]) =>
  args
    .text(name)
    ?.split(",")
    .map((part) => toChoice(part.trim(), name, choices));

function toChoice<const T extends string>(text: string, name: string, choices: readonly T[]): T {
  const choice = choices.find((known) => known.toLowerCase() === text.toLowerCase());
  if (choice !== undefined) return choice;
  throw new CommandError(EXIT.usage, `--${name} must be one of ${choices.join(", ")}, not "${text}"`);
}
