import { appendFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Deliveries } from "../support/delivered.ts";
import { allDifferentialCases, SMALL_SELECTION } from "../support/differential/cases.ts";
import { isWorse } from "../support/differential/compare.ts";
import { runCase } from "../support/differential/run-case.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { type ProcessorBench, startProcessorBench } from "../support/processor.ts";

/** `DIFFERENTIAL=full` runs every case, any other text those whose names contain it; see `npm run differential`. */
const { DIFFERENTIAL = "", DIFFERENTIAL_REPORT } = process.env;

const CASES = allDifferentialCases().filter(({ name }) => {
  if (DIFFERENTIAL === "") return SMALL_SELECTION.has(name);
  return DIFFERENTIAL === "full" || name.includes(DIFFERENTIAL);
});

let origin: Origin;
let bench: ProcessorBench;
let deliveries: Deliveries;

beforeAll(async () => {
  origin = await startOrigin({});
  bench = await startProcessorBench([origin.host]);
  deliveries = new Deliveries(bench);
});

afterAll(async () => {
  await deliveries.close();
  await bench.close();
  await origin.close();
});

describe("next to yt-dlp with ffmpeg", { concurrent: true }, () => {
  it.each(CASES.map((one, index) => [one.name, one, index] as const))(
    "%s",
    { timeout: 300_000 },
    async (_name, one, index) => {
      const row = await runCase({ origin, deliveries }, one, index);
      if (DIFFERENTIAL_REPORT) await appendFile(DIFFERENTIAL_REPORT, `${JSON.stringify(row)}\n`);
      expect(isWorse(row), JSON.stringify(row.differences, null, 2)).toBe(false);
    },
  );
});

describe("the table", () => {
  it("has at least 150 sources, each with a unique name, and the small selection", () => {
    const names = allDifferentialCases().map(({ name }) => name);
    expect(names.length).toBeGreaterThanOrEqual(150);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(expect.arrayContaining([...SMALL_SELECTION]));
  });
});
