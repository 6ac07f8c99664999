import { expect, it } from "vitest";
import { faultsOf, type SoakReport } from "../../bin/soak/soak.ts";

const report = (parts: Partial<SoakReport>): SoakReport => ({
  ...{ jobs: 100, seconds: 1, failures: [], memory: [[]], remains: [] },
  ...parts,
});

const samples = (sizeAt: (index: number) => number) =>
  Array.from({ length: 20 }, (_, index) => sizeAt(index));

it("finds no fault where memory settles after a start", () => {
  const settling = samples((index) => 500 - 300 / (index + 1));
  expect(faultsOf(report({ memory: [settling, settling] }))).toEqual([]);
});

it("finds memory that grows between two starts, although each start takes it back", () => {
  const growing = samples((index) => 300 + 20 * index);
  expect(faultsOf(report({ memory: [growing, growing] }))).toEqual([
    expect.stringMatching(/^memory grew to 1\.\d\d times/),
  ]);
});

it("names failures of callers and what runs left", () => {
  const failures = Array.from({ length: 22 }, (_, index) => `job ${index}`);
  const faults = faultsOf(report({ failures, remains: ["a", "b"] }));
  expect(faults).toHaveLength(22);
  expect(faults.slice(-2)).toEqual(["and 2 failures more", "the work folder holds a, b"]);
});
