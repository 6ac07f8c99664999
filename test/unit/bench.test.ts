import { describe, expect, it } from "vitest";
import { isMet, median, ratio, type Subject } from "../../bin/bench/measurement.ts";
import { PARTS, parseOptions } from "../../bin/bench/options.ts";
import { pipelineCases } from "../../bin/bench/pipeline/pipeline-cases.ts";
import { competitorTable, subjectTable } from "../../bin/bench/table.ts";

const NEEDED = { peer: "usual", strongest: "tools", floor: "floor" } as const;

const subject: Subject = {
  name: "a file",
  samples: { ours: [900, 300, 500], peer: [2000, 1000] },
  targets: [{ against: "peer", atMost: 0.35 }],
};

describe("a measured subject", () => {
  it("is judged by medians", () => {
    expect(median([900, 300, 500])).toBe(500);
    expect(median([2000, 1000])).toBe(1500);
    expect(ratio(subject, "peer")).toBeCloseTo(1 / 3);
    expect(isMet(subject)).toBe(true);
  });

  it("has no ratio to what was not measured, and does not meet a target for it", () => {
    expect(ratio(subject, "floor")).toBeNull();
    expect(isMet({ ...subject, targets: [{ against: "floor", atMost: 2 }] })).toBe(false);
    expect(isMet({ name: "b", samples: subject.samples })).toBeNull();
  });

  it("is compared with all others, quickest first", () => {
    const others = [{ name: "a tool", ms: [400], cpuSeconds: [3], firstStored: [90] }];
    const row = competitorTable([{ ...subject, others, cpuSeconds: [2], firstStored: [50, 70], gib: 0.5 }]);
    expect(row.split("\n").slice(2)).toEqual([
      "| a file | a tool | 400 ms | 90 ms        | 6.00 s    |",
      "| a file | ours   | 500 ms | 60 ms        | 4.00 s    |",
    ]);
  });

  it("is a table row without empty columns", () => {
    expect(subjectTable([subject]).split("\n")).toEqual([
      "| what   | ours   | peer   | ours / peer | target        | met |",
      "| ------ | ------ | ------ | ----------- | ------------- | --- |",
      "| a file | 500 ms | 1.50 s | 0.33        | ≤ 0.35 × peer | yes |",
    ]);
  });
});

describe("the sources of the benches", () => {
  const cases = pipelineCases(1);

  it("are selected by names that differ", () => {
    const names = cases.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const selected = (text: string) => names.filter((name) => name.toLowerCase().includes(text)).length;
    expect(["50 ms away", "1 % of packets", "half a core", "1 gib, tls"].map(selected)).toEqual([3, 1, 4, 6]);
  });

  it("are compared with other tools where a target says so", () => {
    for (const { others, targets } of cases) {
      const needed = targets.map(({ against }) => NEEDED[against]);
      expect(others).toEqual(expect.arrayContaining(needed));
    }
  });

  it("are far away where a line has a quality", () => {
    for (const { ends, quality } of cases) expect(ends === "far").toBe(quality !== undefined);
  });
});

describe("the command line of the benches", () => {
  it("means all parts, five times, unless it says otherwise", () => {
    expect(parseOptions([])).toEqual({ parts: PARTS, runs: 5, only: "", size: 1, peers: [] });
    expect(parseOptions(["api", "--quick", "--only", "HLS", "--size", "0.2", "--peers", "none"])).toEqual({
      parts: ["api"],
      runs: 1,
      only: "hls",
      size: 0.2,
      peers: ["none"],
    });
  });

  it.each([["unknown"], ["--runs", "0"], ["--runs", "x"], ["--size", "0"], ["--fast"]])(
    "refuses %s %s",
    (...args) => {
      expect(() => parseOptions(args)).toThrow("npm run bench --");
    },
  );
});
