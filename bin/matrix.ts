/** `npm run matrix [-- 3/12]`: tests every format, codec and quality of every source, or a share of them; prints the number of cases and passes. */
import { exitCodeOf } from "./stack/exit-code.ts";
import { runMatrix } from "./test/matrix-run.ts";

process.exit(await runMatrix(process.argv.slice(2)).catch(exitCodeOf));
