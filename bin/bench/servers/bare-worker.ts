import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { Miniflare } from "miniflare";
import { createClient } from "../../../schema/client.ts";
import { systemEnvironment } from "../../stack/environment.ts";
import { ensureLocalKey } from "../../stack/local-account.ts";
import { inRoot, root } from "../../stack/paths.ts";
import { loadSecrets } from "../../stack/secrets.ts";
import { workerVariables } from "../../stack/variables.ts";
import { WRANGLER, wranglerEnvironment } from "../../stack/wrangler.ts";
import { seedJobs } from "./seed-jobs.ts";

/** The Worker on workerd with its database and queue, without the development server in front of it. */
export interface BareWorker {
  readonly url: string;
  readonly apiKey: string;
  /** The key of a further account. */
  newKey(): Promise<string>;
  /** Round trips to the database of each request that was logged since the last call. */
  takeD1Calls(): readonly number[];
  /** Runs the Worker's scheduled work now; resolves when it is done. */
  reconcile(): Promise<void>;
  /** Fills the table of jobs, see {@link seedJobs}. */
  seed(jobs: Parameters<typeof seedJobs>[1]): Promise<void>;
  stop(): Promise<void>;
}

interface BareWorkerOptions {
  /** Where a processor listens; without it, the dispatch messages of jobs are not consumed. */
  readonly processorPort?: number;
}

/** @param folder for the bundle and the database */
export async function startBareWorker(
  folder: string,
  { processorPort }: BareWorkerOptions = {},
): Promise<BareWorker> {
  const bundle = join(folder, "worker");
  const build = [WRANGLER, "deploy", "--dry-run", "--containers-rollout=none", "--outdir", bundle];
  const env = { ...systemEnvironment(process.env), ...wranglerEnvironment(folder) };
  await promisify(execFile)(process.execPath, build, { cwd: root, env });
  const d1Calls: number[] = [];
  const secrets = loadSecrets(join(folder, "secrets.json"));
  const wiring = {
    workerUrl: "http://127.0.0.1",
    processorPort: processorPort ?? 9,
    workDir: folder,
    ytdlpUpdateDir: join(folder, "ytdlp"),
    secrets,
  };
  const variables = workerVariables({}, wiring);
  const texts = Object.entries(variables).map(([name, value]) => [name, { type: "text" as const, value }]);
  const server = new Miniflare({
    ...{ host: "127.0.0.1", port: 0, cf: false, resourcePersistencePath: join(folder, "platform") },
    handleStructuredLogs: ({ message }) => readLog(message, d1Calls),
    workers: [
      {
        config: {
          ...{ name: "waterspout", compatibilityDate: "2026-10-01" },
          manifest: {
            mainModule: "index.js",
            modules: {
              "index.js": { type: "esm", contents: await readFile(join(bundle, "index.js"), "utf8") },
            },
          },
          triggers:
            processorPort === undefined
              ? []
              : [{ type: "queue", name: "dispatch", maxBatchSize: 10, maxBatchTimeout: 0, maxRetries: 100 }],
          env: {
            ...Object.fromEntries(texts),
            DB: { type: "d1", id: "waterspout" },
            DISPATCH_QUEUE: { type: "queue", name: "dispatch" },
            DELIVERY_QUEUE: { type: "queue", name: "deliveries" },
          },
        },
      },
    ],
  });
  const url = (await server.ready).origin;
  await migrate(server);
  const api = createClient({ url, adminToken: secrets.ADMIN_TOKEN });
  const newKey = async () => {
    const { id } = await api.createAccount({ body: { name: "bench" } });
    return (await api.createKey({ params: { id }, body: {} })).api_key;
  };
  return {
    url,
    apiKey: await ensureLocalKey(url, secrets.ADMIN_TOKEN, undefined),
    newKey,
    takeD1Calls: () => d1Calls.splice(0),
    reconcile: async () => {
      const { outcome } = await (await server.getWorker("waterspout")).scheduled({ cron: "* * * * *" });
      if (outcome !== "ok") throw new Error(`The scheduled work ended with ${outcome}`);
    },
    seed: async (jobs) => seedJobs(await server.getD1Database("DB"), jobs),
    stop: () => server.dispose(),
  };
}

async function migrate(server: Miniflare): Promise<void> {
  const database = await server.getD1Database("DB");
  const folder = inRoot("schema", "db", "migrations");
  const files = (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
  for (const file of files) {
    const statements = (await readFile(join(folder, file), "utf8")).split("--> statement-breakpoint");
    await database.batch(statements.map((statement) => database.prepare(statement)));
  }
}

/** Collects figures from the Worker's own request log. */
function readLog(line: string, d1Calls: number[]): void {
  if (!line.startsWith('{"event":"request"')) return;
  d1Calls.push((JSON.parse(line) as { d1_calls: number }).d1_calls);
}
