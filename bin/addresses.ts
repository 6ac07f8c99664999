/** `npm run addresses`: tries every form of an internal address at every input of a running stack; prints a table. */

import { exitCodeOf } from "./stack/exit-code.ts";
import { runAddresses } from "./test/addresses-run.ts";

process.exit(await runAddresses().catch(exitCodeOf));
