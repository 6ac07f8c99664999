/** `node build-worker.ts <folder>`: builds the Worker for the embedded platform, and writes what it is bound to. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { unstable_readConfig } from "wrangler";
import { buildAssets } from "../../assets/build-assets.ts";
import { inRoot } from "../paths.ts";
import type { PlatformBindings } from "./bindings.ts";
import { ASSETS, BINDINGS_FILE, BUNDLE_FILE } from "./bundle.ts";
import { quickEntityChecks } from "./quick-entity-checks.ts";

const CONFIG = inRoot("wrangler.toml");

/** The part of wrangler's own reading that is used here; its types name a package that it does not bring. */
interface WranglerConfig {
  readonly compatibility_date?: string;
  readonly compatibility_flags: readonly string[];
  readonly r2_buckets: readonly { readonly binding: string; readonly bucket_name?: string }[];
  readonly queues: {
    readonly producers?: readonly { readonly binding: string; readonly queue: string }[];
  };
  readonly durable_objects: {
    readonly bindings: readonly { readonly name: string; readonly class_name: string }[];
  };
  readonly assets?: { readonly binding?: string };
  readonly triggers: { readonly crons?: readonly string[] };
  readonly vars: Readonly<Record<string, unknown>>;
}

function readBindings(): PlatformBindings {
  const config: WranglerConfig = unstable_readConfig({ config: CONFIG }, { hideWarnings: true });
  if (!config.compatibility_date || !config.assets?.binding) {
    throw new Error(`${CONFIG} names no compatibility date or no assets.`);
  }
  return {
    compatibilityDate: config.compatibility_date,
    compatibilityFlags: config.compatibility_flags,
    buckets: config.r2_buckets.map(({ binding, bucket_name }) => ({ binding, name: bucket_name ?? binding })),
    queues: (config.queues.producers ?? []).map(({ binding, queue }) => ({ binding, name: queue })),
    objects: config.durable_objects.bindings.map(({ name, class_name }) => ({
      binding: name,
      className: class_name,
    })),
    assets: { binding: config.assets.binding },
    crons: config.triggers.crons ?? [],
    variables: Object.fromEntries(Object.entries(config.vars).map(([name, value]) => [name, String(value)])),
  };
}

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("The folder for the bundle is missing");
await buildAssets(join(folder, ASSETS));
await build({
  entryPoints: [inRoot("worker", "embedded", "index.ts")],
  outfile: join(folder, BUNDLE_FILE),
  bundle: true,
  format: "esm",
  target: "es2024",
  // the packages' own choice for this runtime, as wrangler makes it
  conditions: ["workerd", "worker", "browser"],
  mainFields: ["browser", "module", "main"],
  external: ["cloudflare:*"],
  define: { "process.env.NODE_ENV": '"production"' },
  // keeping them costs a call for each closure that a request makes, and nothing reads them
  keepNames: false,
  logLevel: "warning",
  plugins: [quickEntityChecks],
});
writeFileSync(join(folder, BINDINGS_FILE), JSON.stringify(readBindings(), null, 2));
