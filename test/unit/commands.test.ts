import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { isAtLeast } from "../../bin/setup/media-tools.mjs";
import { endProcessesOf, markerOf, processesOf } from "../../bin/stack/marker.ts";
import { identify, isAlive } from "../../bin/stack/process-identity.ts";
import { countsOf } from "../../bin/test/vitest-run.ts";

const sleeper = (env: Readonly<Record<string, string>>) =>
  spawn(process.execPath, ["-e", "setInterval(() => {}, 1000); console.log()"], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "ignore"],
  });

describe("the set-up", () => {
  it.each([
    ["2026.10.26", "2025.11.12", true],
    ["2025.11.12", "2025.11.12", true],
    ["2025.11.12.232911", "2025.11.12", true],
    ["2025.9.30", "2025.11.12", false],
    ["2023.03.04", "2025.11.12", false],
  ])("compares versions by number: %s against %s", (version, floor, expected) => {
    expect(isAtLeast(version, floor)).toBe(expected);
  });
});

describe("the stack", () => {
  it("finds and ends the processes that carry its mark, and no other", async () => {
    const [ours, foreign] = [sleeper(markerOf("one")), sleeper(markerOf("other"))];
    try {
      await Promise.all([once(ours.stdout, "data"), once(foreign.stdout, "data")]);
      expect(processesOf("one")).toEqual([ours.pid]);
      expect(await endProcessesOf("one", 5_000)).toBe(1);
      expect(processesOf("one")).toEqual([]);
      expect(processesOf("other")).toEqual([foreign.pid]);
    } finally {
      foreign.kill("SIGKILL");
      ours.kill("SIGKILL");
    }
  });

  it("tells a process from a later one with the same number", () => {
    const own = identify(process.pid);
    expect(own && isAlive(own)).toBe(true);
    expect(isAlive({ pid: process.pid, started: "at another time" })).toBe(false);
  });
});

describe("npm test", () => {
  it("counts a file that could not be loaded as a failure", () => {
    const broken = { status: "failed", assertionResults: [] };
    const failing = { status: "failed", assertionResults: [{ status: "passed" }, { status: "failed" }] };
    const report = { numPassedTests: 1, numFailedTests: 1, testResults: [broken, failing] };
    expect(countsOf(report)).toEqual({ passed: 1, failed: 2 });
  });
});
