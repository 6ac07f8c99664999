/**
 * Builds a package for publishing: `node build-package.mjs client|waterspout` before `npm pack`, and
 * `node build-package.mjs clean client|waterspout` after it. A clone runs the TypeScript directly and needs no build.
 */
import { spawnSync } from "node:child_process";
import { cpSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const require = createRequire(import.meta.url);

/**
 * Folder of each package, and how its `dist` is built.
 * @type {Record<string, { folder: string, build: (output: string) => Promise<void> | void }>}
 */
const PACKAGES = {
  client: { folder: join(root, "schema"), build: compileClient },
  waterspout: { folder: join(root, "bin"), build: bundleCommand },
};

/** The client keeps its modules, so that a bundler can leave out what a program does not use. */
function compileClient() {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const project = join(root, "schema", "tsconfig.package.json");
  const { status } = spawnSync(process.execPath, [tsc, "-p", project], { stdio: ["ignore", 2, 2] });
  if (status !== 0) throw new Error("The client does not compile.");
}

/**
 * The command is one file, so that npx has nothing else to install.
 * @param {string} output
 */
async function bundleCommand(output) {
  const { build } = require("esbuild");
  await build({
    entryPoints: [join(root, "bin", "waterspout.ts")],
    outfile: join(output, "waterspout.js"),
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    logLevel: "warning",
  });
}

const [first, second] = process.argv.slice(2);
const name = first === "clean" ? second : first;
const chosen = PACKAGES[name ?? ""];
if (!chosen) throw new Error(`There is no package "${name}"; choose client or waterspout.`);
const output = join(chosen.folder, "dist");
const license = join(chosen.folder, "LICENSE");
rmSync(output, { recursive: true, force: true });
if (first === "clean") {
  rmSync(license, { force: true });
} else {
  cpSync(join(root, "LICENSE"), license);
  await chosen.build(output);
}
