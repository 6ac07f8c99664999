import { createClient } from "../../schema/client.ts";
import { CommandError } from "./command-error.ts";
import { type CalledCommand, findCommand } from "./commands.ts";
import { findConnection, stateFolderOf } from "./connection.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { helpOf, overview } from "./help.ts";
import { checkOperands, parseOptions } from "./options.ts";
import { createOutput, type Output } from "./output.ts";
import type { Screen } from "./progress-line.ts";
import { reportFailure } from "./report-failure.ts";

/** What surrounds a command. */
export interface Platform {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Screen;
  readonly stderr: Screen;
  readonly signal: AbortSignal;
}

/**
 * Runs the command that the words name.
 *
 * @returns its exit code
 * @throws the signal's reason; unknown failures
 */
export async function run(words: readonly string[], platform: Platform): Promise<ExitCode> {
  const out = createOutput(words.includes("--json"), platform.stdout, platform.stderr);
  try {
    const asked = words[0] === "help" ? [...words.slice(1), "--help"] : words;
    const called = findCommand(asked);
    if (called) return await runCommand(called, out, platform);
    if (asked.length === 0 || asked[0] === "--help" || asked[0] === "-h") {
      platform.stdout.write(`${overview()}\n`);
      return asked.length === 0 ? EXIT.usage : EXIT.ok;
    }
    const wrong = asked[0]?.startsWith("-")
      ? "The command stands before the options"
      : `There is no command "${asked[0]}"`;
    throw new CommandError(EXIT.usage, `${wrong}; see waterspout --help`);
  } catch (error) {
    return reportFailure(error, out);
  }
}

async function runCommand(
  { name, command, rest }: CalledCommand,
  out: Output,
  { env, stdout, signal }: Platform,
): Promise<ExitCode> {
  if (rest.includes("--help") || rest.includes("-h")) {
    stdout.write(`${helpOf(name, command)}\n`);
    return EXIT.ok;
  }
  const args = parseOptions(command, rest);
  checkOperands(command, args.operands);
  const { needs = "key" } = command;
  const connection = needs === "state" ? { url: "http://127.0.0.1" } : findConnection(args, env, needs);
  const stateDir = stateFolderOf(args, env);
  return command.run(args, { api: createClient(connection), url: connection.url, stateDir, out, signal });
}
