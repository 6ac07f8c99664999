/** `npm run chaos [-- --rounds 20 --seed 1 --from 0 --faults 4]`: mixed load while everything that can fail does fail. */
import { exitCodeOf } from "./stack/exit-code.ts";
import { runChaos } from "./test/chaos-run.ts";

process.exit(await runChaos(process.argv.slice(2)).catch(exitCodeOf));
