/** `node main.ts <file>`: the Worker on the embedded platform, until SIGTERM. The file says how, see `PlatformFile`. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { GATHER_MS } from "../../../worker/embedded/shared-console.ts";
import { releaseMemory } from "../release-memory.ts";
import { createAssets } from "./assets.ts";
import { openControl } from "./control.ts";
import { createFront, DRAIN_MS } from "./front.ts";
import { createLineWriter } from "./line-writer.ts";
import { createOutbound } from "./outbound.ts";
import type { PlatformFile } from "./platform-file.ts";
import { APP, workersOf } from "./workers.ts";

// imported, its five megabytes would be searched for names to export, in memory that Node never gives back
const { Log, LogLevel, Miniflare } = createRequire(import.meta.url)(
  "miniflare",
) as typeof import("miniflare");

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error("The file that describes the platform is missing");
const file = JSON.parse(readFileSync(path, "utf8")) as PlatformFile;

const log = createLineWriter(process.stdout);
const outbound = createOutbound(file.openedHosts);
const platform = new Miniflare({
  host: "127.0.0.1",
  port: 0,
  // nothing is asked of Cloudflare
  cf: false,
  telemetry: { enabled: false },
  // it would be a file in the home folder, through which other programs of this user reach the Worker
  enableDevRegistry: false,
  // addresses of requests may hold credentials of callers
  logRequests: false,
  log: new Log(LogLevel.WARN),
  handleStructuredLogs: ({ message }) => log(message),
  resourcePersistencePath: file.dataFolder,
  workers: workersOf(file, {
    network: outbound.handler,
    assets: createAssets(file.assetsFolder),
  }),
});
await platform.ready;
const control = await openControl(file.controlFile, async () => {
  const app = await platform.getWorker(APP);
  for (const cron of file.bindings.crons) {
    const { outcome } = await app.scheduled({ cron });
    if (outcome !== "ok") throw new Error(`the scheduled work ended with "${outcome}"`);
  }
});
const front = createFront({
  target: await platform.unsafeGetDirectURL(APP),
  trustedProxies: file.trustedProxies,
  log,
});
front.server.listen(file.port, file.host);
await once(front.server, "listening");
releaseMemory();

let isStopping = false;
const stop = async () => {
  if (isStopping) return;
  isStopping = true;
  control.close();
  control.closeAllConnections();
  await front.drain(DRAIN_MS);
  // the Worker still holds the log lines of the last requests
  await sleep(GATHER_MS * 2);
  await platform.dispose();
  outbound.close();
  process.exit(0);
};
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  // the platform's own listeners end the process at once, in the middle of responses
  process.removeAllListeners(signal);
  process.on(signal, () => void stop());
}
