/** `npm run simulate [-- --sources 1000 --days 30]`: subscriptions in virtual time, while processes die and the database refuses. */
import { exitCodeOf } from "./stack/exit-code.ts";
import { runSimulation } from "./test/simulation-run.ts";

process.exit(await runSimulation(process.argv.slice(2)).catch(exitCodeOf));
