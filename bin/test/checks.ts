import { buildAssets } from "../assets/build-assets.ts";
import { type Check, succeeds } from "./check.ts";
import { migrationsAreUpToDate } from "./migrations-check.ts";

/** Static checks, the fastest first. */
export const CHECKS: readonly Check[] = [
  { name: "format and lint", run: () => succeeds("biome", ["check", "--error-on-warnings", "."]) },
  { name: "types", run: () => succeeds("tsc", ["-b"]) },
  {
    name: "no regular expression is slow",
    run: () => succeeds("node", ["--disable-warning=ExperimentalWarning", "bin/check-regexps.ts"]),
  },
  { name: "migrations are up to date", run: migrationsAreUpToDate },
  {
    name: "the Worker builds",
    run: async () => {
      await buildAssets();
      return succeeds("wrangler", [
        "deploy",
        "--dry-run",
        "--containers-rollout=none",
        ...["--outdir", ".cache/worker-build"],
      ]);
    },
  },
];
