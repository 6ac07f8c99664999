import { expect, it } from "vitest";
import { trackedFiles } from "../support/repository.ts";

const TOP_LEVEL = [
  ".biome.jsonc",
  ".ci",
  ".dockerignore",
  ".github",
  ".gitignore",
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "LICENSE",
  "README.md",
  "SECURITY.md",
  "bin",
  "compose.yaml",
  "docs",
  "examples",
  "package-lock.json",
  "package.json",
  "processor",
  "schema",
  "test",
  "tsconfig.json",
  "worker",
  "wrangler.toml",
];

it("keeps the top level to the entries of the layout", () => {
  const entries = new Set(trackedFiles().map((file) => file.replace(/\/.*/, "")));
  expect([...entries].filter((entry) => !TOP_LEVEL.includes(entry))).toEqual([]);
});

it("names files and folders in kebab case", () => {
  const source = trackedFiles().filter((file) =>
    /^(schema|worker|processor|bin|test)\/.*\.(tsx?|mjs|py)$/.test(file),
  );
  expect(source.filter((file) => !/^[a-z0-9/.-]+$/.test(file))).toEqual([]);
});

it("keeps generated files out of git", () => {
  const made = /(^|\/)(node_modules|\.waterspout|\.wrangler|\.cache|dist)\/|\.(log|tsbuildinfo)$/;
  expect(trackedFiles().filter((file) => made.test(file))).toEqual([]);
});
