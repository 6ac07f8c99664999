/** `npx waterspout <command>`: the API from the command line. */
import { onStopSignal } from "./stack/on-stop-signal.ts";
import { main } from "./waterspout/main.ts";

const { signal, received } = onStopSignal(() => {});
await main(process, { signal, received });
