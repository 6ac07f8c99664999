import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { WorkerOptions } from "miniflare";
import type { PlatformBindings } from "./bindings.ts";
import { STORAGE_PATH } from "./paths.ts";
import type { PlatformFile } from "./platform-file.ts";

/**
 * The Workers of the embedded platform. Only this project's is reached from outside, by a socket of its own; so what the
 * platform offers to developers (explorer, triggers, public buckets) has no address.
 */

/** Name of the Worker of this project; the platform's data is filed under it. */
export const APP = "waterspout";

/** Name of the header that says where a request of the Worker was to go; a Node handler sees no scheme. */
export const EGRESS_URL_HEADER = "x-waterspout-egress-url";

/** Hands what the Worker sends to the network over to the Node process, which judges its address. */
const EGRESS_SOURCE = `
export default {
  fetch(request, env) {
    const headers = new Headers(request.headers);
    headers.set(${JSON.stringify(EGRESS_URL_HEADER)}, request.url);
    return env.NETWORK.fetch(request, { headers });
  },
};`;

const NOTHING_SOURCE = `export default { fetch: () => new Response(null, { status: 404 }) };`;

/** Class of the object that holds the database, see `worker/embedded/database.ts`. */
export const DATABASE_CLASS = "Database";

/** Name of that object, as `worker/embedded/index.ts` asks for it. */
export const DATABASE_NAME = "DB";

/** The key that D1 gives its objects: with it, the object opens the database that earlier versions kept in D1. */
export const DATABASE_EXPORT = {
  type: "durable-object",
  storage: "sqlite",
  unsafeUniqueKey: "miniflare-D1DatabaseObject",
  unsafePreventEviction: true,
} as const;

/** Class of the object that holds the queues, see `worker/embedded/index.ts`. Nothing of it is stored. */
const QUEUES_CLASS = "Queues";

/** Answers a request of a Worker in this process. */
export type NetworkHandler = (request: IncomingMessage, response: ServerResponse) => void;

export interface NetworkHandlers {
  /** Takes every request that the Worker sends to the network. */
  readonly network: NetworkHandler;
  /** Takes every request for the Worker's assets. */
  readonly assets: NetworkHandler;
}

export function workersOf(file: PlatformFile, { network, assets }: NetworkHandlers): WorkerOptions[] {
  const { bindings } = file;
  const { compatibilityDate } = bindings;
  const scripted = (name: string, source: string, env: Env, dev: WorkerOptions["dev"] = CLOSED) => ({
    config: { name, compatibilityDate, ...oneModule(source), env },
    dev,
  });
  return [
    // the platform's own entrance leads to its first Worker
    scripted("nothing", NOTHING_SOURCE, {}, { cacheAPI: false }),
    scripted("egress", EGRESS_SOURCE, { NETWORK: { type: "node-handler", handler: network } }),
    storageWorker(file),
    appWorker(file, assets),
  ];
}

type Env = NonNullable<NonNullable<WorkerOptions["config"]>["env"]>;

/** A Worker that has no business in the network. */
const CLOSED: WorkerOptions["dev"] = {
  cacheAPI: false,
  outboundService: { type: "worker", worker: "nothing" },
};

const oneModule = (contents: string) => ({
  manifest: { mainModule: "index.js", modules: { "index.js": { type: "esm" as const, contents } } },
});

function appWorker({ bindings, bundleFile, variables }: PlatformFile, assets: NetworkHandler): WorkerOptions {
  const { compatibilityDate, compatibilityFlags, objects } = bindings;
  return {
    config: {
      name: APP,
      compatibilityDate,
      compatibilityFlags: [...compatibilityFlags],
      ...oneModule(readFileSync(bundleFile, "utf8")),
      env: {
        ...variablesOf({ ...bindings.variables, ...variables, STORAGE_PATH }),
        ...resourcesOf(bindings),
        DATABASE: { type: "durable-object", worker: APP, exportName: DATABASE_CLASS },
        QUEUES: { type: "durable-object", worker: APP, exportName: QUEUES_CLASS },
        STORAGE: { type: "worker", worker: "storage" },
        [bindings.assets.binding]: { type: "node-handler", handler: assets },
      },
      exports: {
        ...Object.fromEntries(
          objects.map(({ className }) => [className, { type: "durable-object", storage: "sqlite" }]),
        ),
        [DATABASE_CLASS]: DATABASE_EXPORT,
        [QUEUES_CLASS]: { type: "durable-object", storage: "sqlite", unsafePreventEviction: true },
      },
    },
    dev: {
      // nothing of ours uses it, and it takes memory
      cacheAPI: false,
      outboundService: { type: "worker", worker: "egress" },
      unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
    },
  };
}

function variablesOf(variables: Readonly<Record<string, string>>): Env {
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [name, { type: "text", value }]),
  );
}

function resourcesOf({ queues, objects, buckets }: PlatformBindings): Env {
  return {
    ...Object.fromEntries(buckets.map(({ binding, name }) => [binding, { type: "r2", name }])),
    ...variablesOf(Object.fromEntries(queues.map(({ binding, name }) => [`${binding}_NAME`, name]))),
    ...Object.fromEntries(
      objects.map(({ binding, className }) => [
        binding,
        { type: "durable-object", worker: APP, exportName: className },
      ]),
    ),
  };
}

/**
 * The platform's S3 interface as a Worker of its own: offered by the platform itself, it comes with a public reading
 * interface that asks for no signature.
 */
function storageWorker({ bindings, bucket }: PlatformFile): WorkerOptions {
  const credentials = Object.fromEntries(bindings.buckets.map(({ name }) => [name, bucket]));
  const platform = dirname(createRequire(import.meta.url).resolve("miniflare"));
  return {
    config: {
      name: "storage",
      compatibilityDate: "2026-01-01",
      compatibilityFlags: ["nodejs_compat"],
      ...oneModule(readFileSync(join(platform, "workers", "r2", "s3", "index.worker.js"), "utf8")),
      env: {
        MINIFLARE_R2_S3_CREDENTIALS: { type: "json", value: credentials },
        ...Object.fromEntries(
          bindings.buckets.map(({ name }) => [`MINIFLARE_R2_S3_BUCKET_${name}`, { type: "r2", name }]),
        ),
      },
    },
    dev: CLOSED,
  };
}
