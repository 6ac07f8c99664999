import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { killAllTools, liveToolCount, spawnTool } from "../../processor/tools/exec.ts";
import { lineSplitter } from "../../processor/tools/lines.ts";
import { isAlive } from "../support/processes.ts";

/** Nothing but a deadline that no honest test reaches. */
const FREE = { limits: { wallMs: 60_000, memoryBytes: null, cpuSeconds: null }, sandbox: null } as const;

let cwd: string;
beforeAll(async () => {
  cwd = await realpath(await mkdtemp(join(tmpdir(), "exec-test-")));
});
afterAll(() => rm(cwd, { recursive: true }));

/** Runs a script with this Node and returns what it printed. */
async function run(script: string, options: Partial<Parameters<typeof spawnTool>[0]> = {}) {
  const lines: string[] = [];
  const onStdoutLine = (line: string) => void lines.push(line);
  const args = ["-e", script];
  const program = { command: process.execPath, args, cwd, stdout: "pipe", onStdoutLine } as const;
  const tool = spawnTool({ ...FREE, ...program, ...options });
  return { lines, exit: await tool.exited };
}

/** A parent that ignores SIGTERM and a child of it; prints both process ids once both run. */
const STUBBORN_FAMILY = `
  process.on("SIGTERM", () => {});
  const child = require("node:child_process").spawn(process.execPath, ["-e",
    "process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1000)"], { stdio: ["ignore", "pipe", "inherit"] });
  child.stdout.once("data", () => console.log(process.pid, child.pid));
  setInterval(() => {}, 1000);
`;

function startFamily(signal?: AbortSignal) {
  const started = Promise.withResolvers<number[]>();
  const tool = spawnTool({
    ...FREE,
    command: process.execPath,
    args: ["-e", STUBBORN_FAMILY],
    cwd,
    signal,
    stdout: "pipe",
    graceMs: 50,
    onStdoutLine: (line) => started.resolve(line.split(" ").map(Number)),
  });
  return { tool, started: started.promise };
}

test("gives a tool nothing of this process's environment", async () => {
  process.env.WATERSPOUT_TEST_SECRET = "canary";
  const { lines } = await run("console.log(JSON.stringify(process.env))", { env: { EXTRA: "1" } });
  delete process.env.WATERSPOUT_TEST_SECRET;
  const env = JSON.parse(lines[0] ?? "");
  expect(env).toEqual({ PATH: expect.any(String), HOME: cwd, TMPDIR: cwd, LANG: "C.UTF-8", EXTRA: "1" });
});

test("reports code, signal and the last error lines", async () => {
  const failed = await run("console.error('first'); console.error('last'); process.exit(3)");
  expect(failed.exit).toEqual({ code: 3, signal: null, limit: null, stderrTail: "first\nlast\n" });
  const killed = await run("process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000)");
  expect(killed.exit).toMatchObject({ code: null, signal: "SIGKILL" });
});

test("keeps only the end of a long error output", async () => {
  const { exit } = await run("for (let i = 0; i < 20000; i++) console.error('line ' + i)");
  expect(exit.stderrTail.length).toBeLessThanOrEqual(16_384);
  expect(exit.stderrTail).toMatch(/line 19999\n$/);
});

test("reads a third output line by line", async () => {
  const lines: string[] = [];
  await run("require('node:fs').writeSync(3, 'a=1\\nb=2\\n')", {
    onExtraLine: (line) => void lines.push(line),
  });
  expect(lines).toEqual(["a=1", "b=2"]);
});

test("kills the whole process tree on abort, even if it ignores SIGTERM", async () => {
  const abort = new AbortController();
  const { tool, started } = startFamily(abort.signal);
  const pids = await started;
  abort.abort();
  await expect(tool.exited).resolves.toMatchObject({ signal: "SIGKILL" });
  expect(pids.map(isAlive)).toEqual([false, false]);
});

test("kills what a tool leaves running when it ends", async () => {
  const script = `
    const child = require("node:child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
    child.once("spawn", () => { console.log(child.pid); process.exit(0); });
  `;
  const { lines, exit } = await run(script);
  expect(exit.code).toBe(0);
  expect(lines).toHaveLength(1);
  await expect.poll(() => isAlive(Number(lines[0]))).toBe(false);
});

test("ends all tools at shutdown", async () => {
  const families = [startFamily(), startFamily()];
  const pids = (await Promise.all(families.map(({ started }) => started))).flat();
  expect(liveToolCount()).toBe(2);
  await killAllTools();
  expect(liveToolCount()).toBe(0);
  // a killed child of a tool disappears a moment after the tool itself
  await expect.poll(() => pids.map(isAlive)).toEqual([false, false, false, false]);
});

test("fails with an internal error when there is no such program", async () => {
  const tool = spawnTool({ ...FREE, command: join(cwd, "missing"), args: [], cwd, stdout: "ignore" });
  expect(tool.pid).toBeUndefined();
  await expect(tool.exited).rejects.toMatchObject({ code: "internal" });
});

test("starts nothing for a signal that is already aborted", () => {
  const reason = new Error("cancelled");
  const start = () =>
    spawnTool({ ...FREE, command: "x", args: [], cwd, stdout: "ignore", signal: AbortSignal.abort(reason) });
  expect(start).toThrow(reason);
});

test("joins lines that arrive in pieces, including split UTF-8 characters", () => {
  const lines: string[] = [];
  const feed = lineSplitter((line) => void lines.push(line));
  const bytes = Buffer.from("grün\r\n\nzwei\rrest");
  for (const byte of bytes) feed(Buffer.of(byte));
  expect(lines).toEqual(["grün", "zwei"]);
});
