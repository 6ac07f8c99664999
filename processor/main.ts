import { serve } from "@hono/node-server";
import { readConfig } from "./config.ts";
import { createLog } from "./log.ts";
import { createProcessor } from "./processor.ts";

/** The program: configuration, start, signals. */

const config = readConfig(process.env);
const log = createLog(config.instance);
const processor = await createProcessor(config, log);

const server = serve({ fetch: processor.app.fetch, hostname: config.host, port: config.port }, ({ port }) => {
  log("listening", { port, tools: processor.tools });
  void processor.announce();
});

let stopping = false;
async function shutDown(signal: string): Promise<void> {
  if (stopping) return;
  stopping = true;
  log("draining", { signal, runs: processor.runs.size });
  await processor.close();
  server.close();
  log("stopped");
  process.exit(0);
}
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void shutDown(signal));

// an uncaught failure is a bug: report it and exit; the Worker gives the jobs to another processor
process.on("uncaughtException", (error) => {
  log("crash", { detail: error.stack });
  process.exit(1);
});
