/** `npm start`, and the program of the image: keeps Worker and processor running until SIGTERM or Ctrl-C. */
import { resolve } from "node:path";
import { logLine } from "../schema/telemetry/log-line.ts";
import { StackError } from "./stack/errors.ts";
import { exitCodeOf } from "./stack/exit-code.ts";
import { onStopSignal } from "./stack/on-stop-signal.ts";
import { inRoot } from "./stack/paths.ts";
import { createLineWriter } from "./stack/platform/line-writer.ts";
import { releaseMemory } from "./stack/release-memory.ts";
import { type Stack, startStack } from "./stack/stack.ts";

const { env } = process;
/** With `LOG_TO=stdout`, everything that is written is a line of JSON, for a collector of logs. */
const lines = env.LOG_TO === "stdout" ? createLineWriter(process.stdout) : undefined;
const log = (text: string) =>
  lines ? lines(logLine("waterspout", "message", { text }, Date.now())) : console.log(`[waterspout] ${text}`);

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

function readLogTo(text = "files"): void {
  if (text !== "files" && text !== "stdout") {
    throw new StackError(`LOG_TO is "${text}"; it may be files or stdout.`);
  }
}

async function main(): Promise<number> {
  readLogTo(env.LOG_TO);
  const stopRequest = onStopSignal((signal) => log(`${signal}: stopping (press again to stop at once)`));
  const stack = await startStack({
    host: env.HOST || undefined,
    port: readPort(env.PORT),
    stateDir: resolve(env.WATERSPOUT_STATE || inRoot(".waterspout")),
    env,
    log,
    logLines: lines,
    signal: stopRequest.signal,
  });
  releaseMemory();
  try {
    if (lines) log(`running on ${stack.url}; the key is in ${stack.stateDir}/local.json`);
    else console.log(welcome(stack));
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
