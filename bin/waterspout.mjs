#!/usr/bin/env node
/** What npx starts: hands over to `bin/waterspout.ts` on the project's Node, which runs TypeScript. */
import { existsSync } from "node:fs";
import { projectNode } from "./setup/paths.mjs";
import { runCommand } from "./setup/run-command.mjs";

if (existsSync(projectNode)) {
  process.exitCode = await runCommand("waterspout", process.argv.slice(2));
} else {
  console.error("waterspout: the packages are not installed; run npm run setup in the clone first.");
  process.exitCode = 5;
}
