#!/usr/bin/env node
/** Entry point for npx: the built command in an installed package, `bin/waterspout.ts` on the project's Node in a clone. */
import { existsSync } from "node:fs";

const built = new URL("dist/waterspout.js", import.meta.url);

if (existsSync(built)) {
  await import(built.href);
} else {
  const { projectNode } = await import("./setup/paths.mjs");
  const { runCommand } = await import("./setup/run-command.mjs");
  if (existsSync(projectNode)) {
    process.exitCode = await runCommand("waterspout", process.argv.slice(2));
  } else {
    console.error("waterspout: the packages are not installed. Run npm run setup in the clone first.");
    process.exitCode = 5;
  }
}
