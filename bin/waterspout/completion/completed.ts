import { CONTAINERS } from "../../../schema/containers.ts";
import { RESOLUTIONS } from "../../../schema/media.ts";
import type { Option } from "../arguments/args.ts";
import { COMMON_OPTIONS } from "../arguments/options.ts";
import type { Command } from "../command.ts";

/** What may follow an option: one of the choices, a path, anything, or nothing. */
export type Value = { readonly choices: readonly string[] } | "file" | "folder" | "text" | "none";

/** An option as a shell completes it. */
export interface CompletedOption {
  /** @example "output" */
  readonly name: string;
  /** @example "o" */
  readonly short: string | undefined;
  readonly help: string;
  readonly value: Value;
}

/** A command, or words with which several commands begin, as a shell completes what follows. */
export interface Completed {
  /** @example "admin accounts", or "" for the program itself */
  readonly name: string;
  /** Words that continue the name, with their summaries. */
  readonly words: readonly (readonly [string, string])[];
  readonly options: readonly CompletedOption[];
  /** Whether its first operand is a file or a folder. */
  readonly takesFile: boolean;
}

/** Choices of members that the API describes as text. */
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  format: Object.keys(CONTAINERS),
  "max-resolution": ["best", ...RESOLUTIONS.map(String)],
  "min-resolution": RESOLUTIONS.map(String),
  resolution: RESOLUTIONS.map(String),
};

/** Everything that a shell completes, derived from the table of commands. */
export function completedCommands(commands: Readonly<Record<string, Command>>): Completed[] {
  const names = new Set([""]);
  for (const name of Object.keys(commands)) {
    const words = name.split(" ");
    for (const i of words.keys()) names.add(words.slice(0, i + 1).join(" "));
  }
  return [...names].map((name) => {
    const command = commands[name];
    return {
      name,
      words: wordsBehind(name, names, commands),
      options: Object.entries({ ...command?.options, ...COMMON_OPTIONS }).flatMap(([option, row]) =>
        row.hidden ? [] : [completedOption(option, row)],
      ),
      takesFile: ["<file>", "<folder>"].includes(command?.operands?.[0] ?? ""),
    };
  });
}

function wordsBehind(
  name: string,
  names: ReadonlySet<string>,
  commands: Readonly<Record<string, Command>>,
): [string, string][] {
  const prefix = name === "" ? "" : `${name} `;
  const words = [...names].filter((each) => each !== "" && each.startsWith(prefix) && each !== name);
  const next = words.map((each) => each.slice(prefix.length)).filter((each) => !each.includes(" "));
  const help: [string, string][] = name === "" ? [["help", "Show the help of a command"]] : [];
  return [
    ...next.map((word): [string, string] => [word, commands[prefix + word]?.summary ?? "More commands"]),
    ...help,
  ];
}

function completedOption(name: string, { value, short, help }: Option): CompletedOption {
  return { name, short, help: firstSentence(help), value: valueKind(name, value) };
}

function valueKind(name: string, placeholder: string | undefined): Value {
  if (placeholder === undefined) return "none";
  const choices = CHOICES[name] ?? placeholder.split(/[|,]/);
  if (choices.every((choice) => /^[a-z0-9_-]+$/.test(choice))) return { choices };
  if (placeholder === "FILE") return "file";
  return placeholder === "FOLDER" ? "folder" : "text";
}

/** Menus are narrow. */
const firstSentence = (text: string): string => text.split(/[.;:] /)[0] ?? text;
