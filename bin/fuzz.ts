/** `npm run fuzz [-- --inputs 20000 --seed 1 --from 0]`: damaged media through every parser, and some through a processor. */
import { exitCodeOf } from "./stack/exit-code.ts";
import { runFuzz } from "./test/fuzz-run.ts";

process.exit(await runFuzz(process.argv.slice(2)).catch(exitCodeOf));
