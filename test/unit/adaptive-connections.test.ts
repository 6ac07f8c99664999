import { describe, expect, it } from "vitest";
import { AdaptiveConnections } from "../../processor/egress/adaptive-connections.ts";
import { HostLimits } from "../../processor/egress/host-limits.ts";

/** Reads from a line for some time; `rate` gives its bytes per millisecond through a number of connections. */
function readFrom(rate: (connections: number) => number, first?: number) {
  let now = 0;
  const settled: number[] = [];
  const adaptive = new AdaptiveConnections({
    ...{ most: 12, first, now: () => now, onSettled: (connections) => void settled.push(connections) },
  });
  const seen: number[] = [adaptive.allowed];
  return {
    settled,
    seen,
    pass(ms: number, line = rate) {
      for (const end = now + ms; now < end; now += 10) {
        adaptive.add(10 * line(adaptive.allowed));
        if (adaptive.allowed !== seen.at(-1)) seen.push(adaptive.allowed);
      }
    },
  };
}

const eachLimited = (connections: number) => 20_000 * connections;
const allLimited = () => 100_000;

describe("the number of connections to a source", () => {
  it("grows up to the most while each connection is limited", () => {
    const line = readFrom(eachLimited);
    line.pass(3_000);
    expect(line.seen).toEqual([2, 4, 8, 12]);
    expect(line.settled).toEqual([12]);
  });

  it("goes back where more connections bring nothing", () => {
    const line = readFrom(allLimited);
    line.pass(3_000);
    expect(line.seen).toEqual([2, 4, 2]);
    expect(line.settled).toEqual([2]);
  });

  it("stops where the line is full", () => {
    const line = readFrom((connections) => Math.min(90_000, 20_000 * connections));
    line.pass(3_000);
    expect(line.seen).toEqual([2, 4, 8, 4]);
  });

  it("is tried again later, because lines change", () => {
    const line = readFrom(allLimited);
    line.pass(3_000);
    line.pass(20_000, eachLimited);
    expect(line.seen.at(-1)).toBe(12);
  });

  it("begins where an earlier run with the same host ended, which is no limit", () => {
    const limits = new HostLimits();
    const url = "https://cdn.example/a.mp4";
    expect(limits.paceOf(url)).toBeUndefined();
    limits.rememberPace(url, 8);
    const line = readFrom(eachLimited, limits.paceOf("https://cdn.example/b.mp4"));
    line.pass(3_000);
    expect(line.seen).toEqual([8, 12]);
    expect(limits.of(url)).toEqual({});
  });
});
