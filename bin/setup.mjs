/**
 * Installs what is missing, then runs a command: `node bin/setup.mjs [demo|start|test|matrix|differential|fuzz|chaos] [arguments]`.
 * It works before `npm install`, on Node 20 or newer, and is quick when nothing is missing.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { installBenchTools } from "./setup/bench-tools.mjs";
import { installBrowser } from "./setup/browser.mjs";
import { installMediaTools } from "./setup/media-tools.mjs";
import { installPackages } from "./setup/packages.mjs";
import { root } from "./setup/paths.mjs";
import { SetupError } from "./setup/report.mjs";
import { runCommand } from "./setup/run-command.mjs";
import { installChannel } from "./setup/ytdlp-channel.mjs";

const OLDEST_NODE = 20;
/** The tools that worked the last time. */
const STAMP = join(root, ".cache", "setup.json");

/** @returns {{ tools?: Record<string, import("./setup/media-tools.mjs").FoundTool> }} */
function readStamp() {
  try {
    return JSON.parse(readFileSync(STAMP, "utf8"));
  } catch {
    return {};
  }
}

/** @param {boolean} renew whether to update what can be updated */
function installWhatIsMissing(renew) {
  if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
    throw new SetupError(
      `This is Node ${process.versions.node}; Waterspout needs Node ${OLDEST_NODE} or newer.`,
    );
  }
  const stamp = readStamp();
  installPackages();
  const ytdlp = installChannel(process.env, { renew });
  // the command that follows reads it there
  if (ytdlp !== null) process.env.YTDLP_PATH = ytdlp;
  const tools = installMediaTools(stamp.tools ?? {});
  mkdirSync(join(root, ".cache"), { recursive: true });
  writeFileSync(STAMP, `${JSON.stringify({ tools }, null, 2)}\n`);
}

try {
  const [command, ...args] = process.argv.slice(2);
  installWhatIsMissing(command === undefined);
  if (command === "test") installBrowser();
  if (command === "bench") installBenchTools();
  if (command === undefined) console.log("Everything is in place: npm run demo, npm start, npm test.");
  else process.exitCode = await runCommand(command, args);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`[setup] ${error.message}`);
  process.exitCode = 1;
}
