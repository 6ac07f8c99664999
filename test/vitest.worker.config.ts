import { fileURLToPath } from "node:url";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { buildAssets } from "../bin/assets/build-assets.ts";

const pathTo = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** Built once, although every test file requests a configuration. */
let assets: Promise<void> | undefined;

/** Runs inside workerd, with the bindings of `wrangler.toml` and addresses that nothing answers. */
export default defineConfig({
  plugins: [
    cloudflareTest(async () => {
      assets ??= buildAssets();
      await assets;
      return {
        wrangler: { configPath: pathTo("wrangler.toml") },
        miniflare: {
          bindings: {
            ADMIN_TOKEN: "operator-token-of-the-tests",
            PROCESSOR_TOKEN: "processor-token-of-the-tests",
            SEALING_KEYS: `tests:${Buffer.alloc(32, 7).toString("base64")}`,
            RAPIDAPI_PROXY_SECRET: "gateway-secret-of-the-tests",
            PUBLIC_URL: "https://waterspout.example",
            PROCESSOR_URL: "https://processor.example",
            R2_ENDPOINT: "https://storage.example",
            R2_BUCKET: "media",
            R2_ACCESS_KEY_ID: "access-key",
            R2_SECRET_ACCESS_KEY: "secret-key",
            MIGRATIONS: await readD1Migrations(pathTo("schema/db/migrations")),
          },
        },
      };
    }),
  ],
  test: {
    name: "worker",
    maxWorkers: 2,
    sequence: { groupOrder: 0 },
    root: pathTo("."),
    include: ["test/worker/**/*.test.ts"],
    setupFiles: [pathTo("test/worker/support/migrate.ts")],
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
