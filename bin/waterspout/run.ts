import { createClient } from "../../schema/client.ts";
import { checkOperands, parseOptions } from "./arguments/options.ts";
import { COMMANDS, subcommandsOf } from "./commands.ts";
import { type Connection, findConnection, stateFolderOf } from "./connection/connection.ts";
import { EXIT, type ExitCode } from "./failures/exit-codes.ts";
import { reportFailure } from "./failures/report-failure.ts";
import {
  behindCommand,
  type CalledCommand,
  findCommand,
  refusalOf,
  refuseMistypedSubcommand,
} from "./find-command.ts";
import { type HelpLook, helpOf, helpOfGroup, overview } from "./help.ts";
import { createOutput, type Output } from "./terminal/output.ts";
import { createPaint, hasColours } from "./terminal/paint.ts";
import type { Screen } from "./terminal/progress-line.ts";
import { VERSION_TEXT } from "./version.ts";

/** What surrounds a command. */
export interface Platform {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Screen;
  readonly stderr: Screen;
  readonly signal: AbortSignal;
  /** Reads all of the standard input as text. */
  readonly readInput: () => Promise<string>;
}

/**
 * Runs the command that the words name.
 *
 * @returns its exit code
 * @throws the signal's reason; unknown failures
 */
export async function run(words: readonly string[], platform: Platform): Promise<ExitCode> {
  const out = createOutput(
    {
      json: words.includes("--json"),
      quiet: words.includes("--quiet") || words.includes("-q"),
      env: platform.env,
    },
    platform.stdout,
    platform.stderr,
  );
  try {
    return await runWords(words, out, platform);
  } catch (error) {
    return reportFailure(error, out);
  }
}

async function runWords(words: readonly string[], out: Output, platform: Platform): Promise<ExitCode> {
  const { stdout } = platform;
  const print = (text: string) => stdout.write(`${text}\n`);
  const [first] = words;
  if (first === "--version" || first === "-V" || first === "version") {
    print(VERSION_TEXT);
    return EXIT.ok;
  }
  const asked = first === "help" ? [...words.slice(1), "--help"] : behindCommand(words);
  const called = findCommand(asked);
  if (called) return runCommand(called, out, platform);
  const [word = ""] = asked;
  if (word === "" || word.startsWith("-")) {
    print(overview(lookOf(platform)));
    return asked.some(isHelp) ? EXIT.ok : EXIT.usage;
  }
  const names = asked.filter((each) => !each.startsWith("-"));
  if (names.length === 1 && Object.keys(subcommandsOf(word)).length > 0) {
    print(helpOfGroup(word, lookOf(platform)));
    return asked.some(isHelp) ? EXIT.ok : EXIT.usage;
  }
  throw refusalOf(names);
}

const isHelp = (word: string): boolean => word === "--help" || word === "-h";

const DEFAULT_WIDTH = 100;
const lookOf = ({ stdout, env }: Platform): HelpLook => ({
  paint: createPaint(hasColours(stdout, env)),
  width: Math.min(stdout.columns || DEFAULT_WIDTH, DEFAULT_WIDTH),
});

/** For commands that do not use the API. */
const NO_SERVER: Connection = { url: "http://localhost", isLocal: false };

async function runCommand(called: CalledCommand, out: Output, platform: Platform): Promise<ExitCode> {
  const { name, command, rest } = called;
  const { env, signal, stdout, readInput } = platform;
  if (rest.some(isHelp)) {
    stdout.write(`${helpOf(name, command, lookOf(platform))}\n`);
    return EXIT.ok;
  }
  refuseMistypedSubcommand(called);
  const args = parseOptions(command, rest);
  checkOperands(command, args);
  const { needs = "key" } = command;
  const connection = needs === "state" ? NO_SERVER : findConnection(args, env, needs);
  const stateDir = stateFolderOf(args, env);
  const context = {
    api: createClient(connection),
    connection,
    stateDir,
    out,
    signal,
    readInput,
    commands: COMMANDS,
  };
  try {
    return await command.run(args, context);
  } catch (error) {
    return reportFailure(error, out, { connection });
  }
}
