import { nearestName } from "../../schema/api/nearest-name.ts";
import { COMMON_OPTIONS } from "./arguments/options.ts";
import type { Command } from "./command.ts";
import { ALIASES, COMMANDS, subcommandsOf } from "./commands.ts";
import { CommandError } from "./failures/command-error.ts";
import { EXIT } from "./failures/exit-codes.ts";

/** A command as it was called. */
export interface CalledCommand {
  readonly name: string;
  readonly command: Command;
  /** What follows its name. */
  readonly rest: readonly string[];
}

/** Longest name of a command, in words. */
const MAX_WORDS = 3;

/** The command with the longest name that the words begin with; null if there is none. */
export function findCommand(words: readonly string[]): CalledCommand | null {
  for (let length = Math.min(MAX_WORDS, words.length); length > 0; length--) {
    const called = words.slice(0, length).join(" ");
    const name = Object.hasOwn(ALIASES, called) ? (ALIASES[called] ?? "") : called;
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (command) return { name, command, rest: words.slice(length) };
  }
  return null;
}

/**
 * A wrong word behind a command that others begin with is probably one of those, unless the command takes it.
 *
 * @throws CommandError `usage`
 */
export function refuseMistypedSubcommand({ name, command, rest: [word = ""] }: CalledCommand): void {
  if (!/^[a-z][a-z-]*$/i.test(word)) return;
  const aliases = Object.keys(ALIASES).filter((alias) => alias.startsWith(`${name} `));
  const names = [...Object.keys(subcommandsOf(name)), ...aliases];
  const near = nearestCommand(`${name} ${word}`, names);
  if (near !== null || (names.length > 0 && (command.operands ?? []).length === 0)) {
    throw unknownCommand(`${name} ${word}`, near, name);
  }
}

/** @returns the refusal of words that begin with no command */
export function refusalOf(words: readonly string[]): CommandError {
  const [first = ""] = words;
  const names = [...Object.keys(COMMANDS), ...Object.keys(ALIASES)];
  for (let length = Math.min(MAX_WORDS, words.length); length > 0; length--) {
    const called = words.slice(0, length).join(" ");
    const sameLength = names.filter((name) => name.split(" ").length === length);
    const near = nearestCommand(called, sameLength);
    if (near !== null) return unknownCommand(called, near);
  }
  const groups = new Set(names.map((name) => name.split(" ")[0] ?? ""));
  if (groups.has(first)) return unknownCommand(words.slice(0, 2).join(" "), null, first);
  return unknownCommand(first, nearestCommand(first, [...groups]));
}

const nearestCommand = (called: string, names: readonly string[]): string | null =>
  nearestName(called, new Map(names.map((name) => [name, name])));

function unknownCommand(called: string, near: string | null, group = ""): CommandError {
  const advice =
    near === null ? `see waterspout ${group === "" ? "" : `${group} `}--help` : `did you mean "${near}"?`;
  return new CommandError(EXIT.usage, `There is no command "${called}"; ${advice}`);
}

/**
 * The words with the options that stand before the command moved behind it.
 *
 * @throws CommandError `usage` for an option that no command has
 * @example behindCommand(["--server", "http://a.example", "list"]) // ["list", "--server", "http://a.example"]
 */
export function behindCommand(words: readonly string[]): string[] {
  let at = 0;
  for (let word = words[at]; word?.startsWith("-") && word !== "-"; word = words[at]) {
    const [written = "", inline] = word.split("=", 2);
    const option = Object.entries(COMMON_OPTIONS).find(
      ([name, { alias, short }]) =>
        written === `--${name}` || written === `--${alias}` || written === `-${short}`,
    )?.[1];
    if (!option)
      throw new CommandError(EXIT.usage, `${written} must follow the command; see waterspout --help`);
    at += option.value !== undefined && inline === undefined ? 2 : 1;
  }
  return [...words.slice(at), ...words.slice(0, at)];
}
