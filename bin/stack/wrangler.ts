import { inRoot } from "./paths.ts";

/** wrangler's program, run by Node directly. */
export const WRANGLER = inRoot("node_modules", "wrangler", "bin", "wrangler.js");

/** Keeps wrangler quiet and offline while it builds. */
export const wranglerEnvironment = (folder: string): Record<string, string> => ({
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_LOG_PATH: `${folder}/wrangler`,
  CI: "true",
  NO_COLOR: "1",
  FORCE_COLOR: "0",
});
