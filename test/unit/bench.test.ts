import { describe, expect, it } from "vitest";
import { isMet, median, ratio, type Subject } from "../../bin/bench/measurement.ts";
import { PARTS, parseOptions } from "../../bin/bench/options.ts";
import { subjectTable } from "../../bin/bench/table.ts";

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

  it("is a table row without empty columns", () => {
    expect(subjectTable([subject]).split("\n")).toEqual([
      "| what   | ours   | peer   | ours / peer | target        | met |",
      "| ------ | ------ | ------ | ----------- | ------------- | --- |",
      "| a file | 500 ms | 1.50 s | 0.33        | ≤ 0.35 × peer | yes |",
    ]);
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
