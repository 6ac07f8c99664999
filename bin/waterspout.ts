/** `npx waterspout <command>`: the API from the command line. */
import { exitCodeOf } from "./stack/exit-code.ts";
import { onStopSignal } from "./stack/on-stop-signal.ts";
import { run } from "./waterspout/run.ts";

// anyone who reads the results may stop early, as head does
process.stdout.on("error", () => process.exit(0));

const { signal } = onStopSignal(() => {});
const { env, stdout, stderr } = process;
// not process.exit: results that are still on their way into a pipe are not cut off
process.exitCode = await run(process.argv.slice(2), { env, stdout, stderr, signal }).catch(exitCodeOf);
