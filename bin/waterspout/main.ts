import { constants } from "node:os";
import { text } from "node:stream/consumers";
import { EXIT } from "./failures/exit-codes.ts";
import { run } from "./run.ts";

/** The request to stop, as `onStopSignal` makes it. */
interface Stop {
  readonly signal: AbortSignal;
  readonly received: Promise<NodeJS.Signals>;
}

/** Runs the command of a process, and sets its exit code. */
export async function main(process: NodeJS.Process, { signal, received }: Stop): Promise<void> {
  const { argv, env, stdin, stdout, stderr } = process;
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    // a reader of the results may stop early, as head does
    if (error.code === "EPIPE") process.exit(EXIT.ok);
    stderr.write(`waterspout: the results cannot be written: ${error.message}\n`);
    process.exit(EXIT.local);
  });
  // notes that are not read are no reason to stop
  stderr.on("error", () => {});
  try {
    // not process.exit: results that are still on their way into a pipe are not cut off
    process.exitCode = await run(argv.slice(2), {
      env,
      stdout,
      stderr,
      signal,
      readInput: () => text(stdin),
    });
  } catch (error) {
    if (signal.aborted) {
      process.exitCode = 128 + constants.signals[await received];
      return;
    }
    stderr.write(`waterspout: this is a defect of the command, please report it: ${describe(error, env)}\n`);
    process.exitCode = EXIT.defect;
  }
}

const describe = (error: unknown, env: NodeJS.ProcessEnv): string => {
  if (!(error instanceof Error)) return String(error);
  return env.WATERSPOUT_DEBUG
    ? (error.stack ?? error.message)
    : `${error.message} (WATERSPOUT_DEBUG=1 shows where)`;
};
