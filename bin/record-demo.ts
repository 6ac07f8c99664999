/**
 * `node bin/record-demo.ts`: runs the demo in a terminal, and writes what it shows as `docs/demo.svg`. The set-up that `npm run
 * demo` begins with is left out: it prints nothing where all tools are installed.
 */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { recordingSvg } from "./recording/svg.ts";
import { type Chunk, replay } from "./recording/terminal.ts";
import { inRoot, root } from "./stack/paths.ts";

const COMMAND = "node bin/demo.ts";

const start = performance.now();
const chunks: Chunk[] = [{ at: 0, text: "$ npm run demo\n" }];
const terminal = spawn("script", ["-qefc", `stty cols 100; ${COMMAND}`, "/dev/null"], {
  cwd: root,
  stdio: ["ignore", "pipe", "inherit"],
});
terminal.stdout.setEncoding("utf8").on("data", (text: string) => {
  chunks.push({ at: (performance.now() - start) / 1000, text });
});
terminal.on("close", (code) => {
  if (code !== 0) throw new Error(`${COMMAND} ended with ${code}`);
  writeFileSync(inRoot("docs", "demo.svg"), recordingSvg(replay(chunks), "npm run demo"));
});
