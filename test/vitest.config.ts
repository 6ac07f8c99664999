import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/**
 * Kinds of tests that run in Node; each is a project of its own and a folder here. The number is the order of the kinds, the
 * quickest first: those of one number run side by side. (The tests in workerd are of the first kind.)
 */
const NODE_PROJECTS = {
  unit: 0,
  fuzz: 1,
  processor: 1,
  contract: 1,
  browser: 2,
  chaos: 2,
  e2e: 2,
} as const;

export default defineConfig({
  test: {
    projects: [
      fileURLToPath(new URL("vitest.worker.config.ts", import.meta.url)),
      ...Object.entries(NODE_PROJECTS).map(([name, groupOrder]) => ({
        test: {
          name,
          environment: "node",
          root: fileURLToPath(new URL("..", import.meta.url)),
          include: [`test/${name}/**/*.test.ts`],
          testTimeout: 30_000,
          hookTimeout: 30_000,
          maxWorkers: 2,
          sequence: { groupOrder },
        },
      })),
    ],
  },
});
