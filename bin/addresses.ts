/** `npm run addresses`: every form of an inner address at every door of a running stack; prints a table. */

import { exitCodeOf } from "./stack/exit-code.ts";
import { runAddresses } from "./test/addresses-run.ts";

process.exit(await runAddresses().catch(exitCodeOf));
