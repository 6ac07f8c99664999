import { inRoot } from "./paths.ts";

/** wrangler's program; run by Node directly, because ending npx would leave the runtime behind. */
export const WRANGLER = inRoot("node_modules", "wrangler", "bin", "wrangler.js");

/** Keeps wrangler quiet, offline and inside the state folder. */
export const wranglerEnvironment = (stateDir: string): Record<string, string> => ({
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_SEND_METRICS: "false",
  // its store of traces keeps the addresses of all requests, and some hold credentials of callers
  X_LOCAL_OBSERVABILITY: "false",
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_LOG_PATH: `${stateDir}/logs/wrangler`,
  WRANGLER_REGISTRY_PATH: `${stateDir}/wrangler-registry`,
  CI: "true",
  NO_COLOR: "1",
  FORCE_COLOR: "0",
});

/** Where D1, Durable Objects, queues and R2 live on disk. */
export const platformFolder = (stateDir: string): string => `${stateDir}/platform`;
