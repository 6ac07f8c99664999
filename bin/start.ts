/** `npm start`: keeps Worker and processor running until Ctrl-C. */
import { resolve } from "node:path";
import { StackError } from "./stack/errors.ts";
import { exitCodeOf } from "./stack/exit-code.ts";
import { onStopSignal } from "./stack/on-stop-signal.ts";
import { inRoot } from "./stack/paths.ts";
import { type Stack, startStack } from "./stack/stack.ts";

const log = (line: string) => console.log(`[waterspout] ${line}`);

const welcome = ({ url, apiKey, stateDir }: Stack) => `
Waterspout is running.

  URL      ${url}
  API key  ${apiKey}
  console  ${url}/console
  docs     ${url}/docs
  state    ${stateDir} (logs in logs/)

Send it a video:

  curl ${url}/jobs -H "x-api-key: ${apiKey}" -H "content-type: application/json" -d '{"url":"https://…"}'

or, from another terminal in this clone: npx waterspout get "https://…"

Ctrl-C stops it; unfinished jobs continue at the next start.
`;

function readPort(text = "8787"): number {
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new StackError(`PORT must be a port number, not "${text}".`);
}

async function main(): Promise<number> {
  const stopRequest = onStopSignal((signal) => log(`${signal}: stopping (press again to stop at once)`));
  const stack = await startStack({
    port: readPort(process.env.PORT),
    stateDir: resolve(process.env.WATERSPOUT_STATE || inRoot(".waterspout")),
    env: process.env,
    log,
    signal: stopRequest.signal,
  });
  try {
    console.log(welcome(stack));
    const reason = await Promise.race([stack.failed, stopRequest.received.then(() => null)]);
    if (reason === null) return 0;
    console.error(reason);
    return 1;
  } finally {
    await stack.stop();
    log("stopped");
  }
}

log("starting …");
process.exit(await main().catch(exitCodeOf));
