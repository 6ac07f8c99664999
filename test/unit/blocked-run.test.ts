import { on, once } from "node:events";
import { existsSync, watch } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { identify } from "../../bin/stack/process-identity.ts";
import { vitestSucceeds, type Watchdog } from "../../bin/test/watched-vitest.ts";

const CONFIG = `export default { test: { globals: true, testTimeout: 1234 } };`;
const PASSING = `it("passes", () => {});`;
/** Notes the number of its process, then never turns its event loop again. */
const BLOCKED = `
import { renameSync, writeFileSync } from "node:fs";
it("blocks", () => {
  writeFileSync(import.meta.dirname + "/pid.new", String(process.pid));
  renameSync(import.meta.dirname + "/pid.new", import.meta.dirname + "/pid");
  for (;;);
});
`;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "blocked-"));
  await writeFile(join(folder, "vitest.config.js"), CONFIG);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const run = (watchdog: Watchdog, report: (line: string) => void) =>
  vitestSucceeds({ args: ["run", "--root", folder], watchdog, report, output: "ignore" });

it("ends a run whose file blocks, with the file's name, and leaves none of its processes behind", async (test) => {
  await writeFile(join(folder, "a.test.js"), PASSING);
  await writeFile(join(folder, "b.test.js"), BLOCKED);
  const pid = join(folder, "pid");
  const untilBlocked: Watchdog = async ({ underWay, longestTestMs }, signal) => {
    const isBlocked = () => underWay.length === 1 && longestTestMs === 1234 && existsSync(pid);
    // the watch begins before the file is looked for, so that no change is missed
    const changes = on(watch(folder, { signal }), "change", { signal });
    const onTimeout = once(test.signal, "abort");
    while (!isBlocked() && !test.signal.aborted) await Promise.race([changes.next(), onTimeout]);
  };
  const lines: string[] = [];
  expect(await run(untilBlocked, (line) => lines.push(line))).toBe(false);
  expect(lines).toEqual([expect.stringContaining("b.test.js")]);
  expect(lines[0]).not.toContain("a.test.js");
  expect(identify(Number(await readFile(pid, "utf8")))).toBeNull();
}, 60_000);

it("waits again after each step of a run, and lets it end", async () => {
  await writeFile(join(folder, "a.test.js"), PASSING);
  const steps: boolean[] = [];
  const forEver: Watchdog = (_, signal) => {
    steps.push(signal.aborted);
    return new Promise(() => {});
  };
  expect(await run(forEver, expect.unreachable)).toBe(true);
  expect(steps.length).toBeGreaterThan(3);
}, 60_000);
