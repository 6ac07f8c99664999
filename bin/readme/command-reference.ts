import type { Option, Options } from "../waterspout/arguments/args.ts";
import { COMMON_OPTIONS } from "../waterspout/arguments/options.ts";
import type { Command } from "../waterspout/command.ts";
import { ALIASES, COMMAND_GROUPS } from "../waterspout/commands.ts";
import { optionHelp, shownOptions, VARIABLES } from "../waterspout/help.ts";

/** The reference of the command line in Markdown, from the same table as its help texts. */
export const commandReference = (): string =>
  Object.entries(COMMAND_GROUPS)
    .flatMap(([title, commands]) => [
      `## ${title}`,
      ...Object.entries(commands).map(([name, command]) => part(name, command)),
    ])
    .join("\n\n");

/** Options that every command has, as a table. */
export const commonOptionTable = (): string =>
  optionTable({ ...COMMON_OPTIONS, version: { help: "Show the version" } });

/** Environment variables that commands read, as a table. */
export const commandVariableTable = (): string =>
  table(
    ["variable", "meaning"],
    Object.entries(VARIABLES).map(([name, meaning]) => [`\`${name}\``, meaning]),
  );

function part(
  name: string,
  { summary, details, operands = [], options = {}, needs, examples }: Command,
): string {
  const others = Object.entries(ALIASES).flatMap(([alias, meant]) =>
    meant === name ? [`\`${alias}\``] : [],
  );
  return [
    `### waterspout ${name}`,
    `${summary}.${needs === "admin" ? " Needs the operator's token." : ""}${others.length === 0 ? "" : ` Also: ${others.join(", ")}.`}`,
    ...(details === undefined ? [] : [details]),
    fenced([`waterspout ${[name, ...operands].join(" ")} [options]`]),
    ...(shownOptions(options).length === 0 ? [] : [optionTable(options)]),
    fenced(examples.map((example) => `waterspout ${example}`)),
  ].join("\n\n");
}

const fenced = (lines: readonly string[]): string => ["```text", ...lines, "```"].join("\n");

const optionTable = (options: Options): string =>
  table(
    ["option", "meaning"],
    shownOptions(options).map(([name, option]) => [spellings(name, option), optionHelp(option)]),
  );

function spellings(name: string, { value, short }: Option): string {
  const long = `\`--${name}${value === undefined ? "" : ` ${value}`}\``;
  return short === undefined ? long : `\`-${short}\`, ${long}`;
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows.map((row) => row.map((cell) => cell.replaceAll("|", "\\|")))]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
