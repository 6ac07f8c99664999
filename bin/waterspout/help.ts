import type { Option, Options } from "./arguments/args.ts";
import { COMMON_OPTIONS } from "./arguments/options.ts";
import type { Command } from "./command.ts";
import { COMMAND_GROUPS, subcommandsOf } from "./commands.ts";
import { EXIT_MEANINGS } from "./failures/exit-codes.ts";
import type { Paint } from "./terminal/paint.ts";
import { definitions, wrap } from "./terminal/wrap.ts";

/** How a help text looks. */
export interface HelpLook {
  readonly paint: Paint;
  /** Characters of a line. */
  readonly width: number;
}

/** @example optionText("output", { value: "FILE", short: "o", … }) // "-o, --output FILE" */
export const optionText = (name: string, { value, short }: Option): string =>
  `${short === undefined ? "" : `-${short}, `}--${name}${value === undefined ? "" : ` ${value}`}`;

/** An option's explanation, with its other name. */
export const optionHelp = ({ help, alias }: Option): string =>
  alias === undefined ? help : `${help} (also --${alias})`;

export const shownOptions = (options: Options): [string, Option][] =>
  Object.entries(options).filter(([, { hidden }]) => !hidden);

const optionPairs = (options: Options): [string, string][] =>
  shownOptions(options).map(([name, option]) => [optionText(name, option), optionHelp(option)]);

/** Environment variables that commands read. */
export const VARIABLES: Readonly<Record<string, string>> = {
  WATERSPOUT_URL: "Address of the API, as --server",
  WATERSPOUT_API_KEY: "Key of the account",
  WATERSPOUT_ADMIN_TOKEN: "The operator's token, for keys and admin",
  WATERSPOUT_STATE: "State folder of npm start, as --state",
  NO_COLOR: "Set to anything: no colours",
  FORCE_COLOR: "1: colours even if the output is not a terminal; 0: no colours",
};

/** What `waterspout --help` shows. */
export function overview({ paint, width }: HelpLook): string {
  const section = (title: string, pairs: readonly (readonly [string, string])[]) =>
    `${paint.bold(`${title}:`)}\n${definitions(pairs, width, paint.cyan)}`;
  return [
    "Deliver media to your own storage from the command line.",
    `${paint.bold("Usage:")} waterspout <command> [arguments] [options]`,
    ...Object.entries(COMMAND_GROUPS).map(([title, commands]) =>
      section(
        title,
        Object.entries(commands).map(([name, { summary }]) => [name, summary]),
      ),
    ),
    section("Options of every command", [...optionPairs(COMMON_OPTIONS), ["--version", "Show the version"]]),
    section("Environment variables", Object.entries(VARIABLES)),
    ...wrap(
      "Secrets are read from files and from the environment only. The address and the keys of a stack that npm start runs here are found automatically.",
      width,
    )
      .join("\n")
      .split("\n\n"),
    section("Exit codes", Object.entries(EXIT_MEANINGS)),
    "waterspout help <command> shows the options of a command, with examples.",
  ].join("\n\n");
}

/** What `waterspout <command> --help` shows. */
export function helpOf(name: string, command: Command, { paint, width }: HelpLook): string {
  const { summary, details, operands = [], options = {}, examples } = command;
  const heading = (title: string) => paint.bold(`${title}:`);
  const list = (shown: Options) => definitions(optionPairs(shown), width, paint.cyan);
  const below = Object.entries(subcommandsOf(name)).map(([sub, { summary: text }]) => [sub, text] as const);
  return [
    `${summary}.`,
    `${heading("Usage")} waterspout ${[name, ...operands].join(" ")} [options]`,
    ...(details === undefined ? [] : details.split("\n\n").map((text) => wrap(text, width).join("\n"))),
    ...(shownOptions(options).length === 0 ? [] : [`${heading("Options")}\n${list(options)}`]),
    `${heading("Options of every command")}\n${list(COMMON_OPTIONS)}`,
    `${heading("Examples")}\n${examples.map((example) => `  waterspout ${example}`).join("\n")}`,
    ...(below.length === 0 ? [] : [`${heading("More commands")}\n${definitions(below, width, paint.cyan)}`]),
  ].join("\n\n");
}

/** What `waterspout admin` shows: a word with which several commands begin. */
export function helpOfGroup(word: string, { paint, width }: HelpLook): string {
  const commands = Object.entries(subcommandsOf(word)).map(([name, { summary }]) => [name, summary] as const);
  return [
    `${paint.bold("Usage:")} waterspout ${word} <command> [arguments] [options]`,
    `${paint.bold("Commands:")}\n${definitions(commands, width, paint.cyan)}`,
    "waterspout help <command> shows the options of a command, with examples.",
  ].join("\n\n");
}
