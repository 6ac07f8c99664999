import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** Kinds of tests that run in Node; each is a project of its own and a folder here. */
const NODE_PROJECTS = ["unit", "processor", "contract", "e2e", "browser", "chaos", "fuzz"] as const;

export default defineConfig({
  test: {
    projects: [
      fileURLToPath(new URL("vitest.worker.config.ts", import.meta.url)),
      ...NODE_PROJECTS.map((name) => ({
        test: {
          name,
          environment: "node",
          root: fileURLToPath(new URL("..", import.meta.url)),
          include: [`test/${name}/**/*.test.ts`],
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      })),
    ],
  },
});
