import { COMMON_OPTIONS } from "./arguments/options.ts";
import type { Command, Options } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { EXIT_MEANINGS } from "./failures/exit-codes.ts";
import { columns } from "./terminal/text.ts";

const indented = (rows: readonly (readonly string[])[]): string => columns(rows).replace(/^/gm, "  ");

const optionRows = (options: Options): string[][] =>
  Object.entries(options).map(([name, { value, help }]) => [
    value === undefined ? `--${name}` : `--${name} ${value}`,
    help,
  ]);

/** What `waterspout --help` shows. */
export const overview = (): string => `waterspout: deliver media to your storage from the command line

Usage: npx waterspout <command> [arguments] [options]

Commands:
${indented(Object.entries(COMMANDS).map(([name, { summary }]) => [name, summary]))}

Options of every command:
${indented(optionRows(COMMON_OPTIONS))}

Secrets are read only from files and from the environment: WATERSPOUT_API_KEY, WATERSPOUT_ADMIN_TOKEN.
The address and the keys of a running npm start are found automatically.

Exit codes:
${indented(Object.entries(EXIT_MEANINGS).map(([code, meaning]) => [code, meaning]))}

npx waterspout <command> --help shows more, with examples.`;

/** What `waterspout <command> --help` shows. */
export function helpOf(name: string, { summary, operands = [], options = {}, examples }: Command): string {
  return `${summary}

Usage: npx waterspout ${[name, ...operands].join(" ")} [options]

Options:
${indented(optionRows({ ...options, ...COMMON_OPTIONS }))}

Examples:
${examples.map((example) => `  npx waterspout ${example}`).join("\n")}`;
}
