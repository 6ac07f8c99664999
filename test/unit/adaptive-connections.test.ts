import { describe, expect, it } from "vitest";
import { AdaptiveConnections, type ReadingCount } from "../../processor/egress/adaptive-connections.ts";
import { HostLimits } from "../../processor/egress/host-limits.ts";
import { readThrough, type SimulatedLine } from "../support/lines/simulated-line.ts";

/** Reads from a line for some time; `rate` gives its bytes per millisecond through a number of connections. */
function readFrom(rate: (connections: number) => number, first?: number) {
  let now = 0;
  const settled: number[] = [];
  const adaptive = new AdaptiveConnections({
    ...{ most: 12, first, now: () => now, onSettled: (connections) => void settled.push(connections) },
  });
  const seen: number[] = [adaptive.allowed];
  const counts: ReadingCount[] = [];
  return {
    settled,
    seen,
    adaptive,
    /** @param most that the reader uses */
    pass(ms: number, { line = rate, most = 12 } = {}) {
      for (const end = now + ms; now < end; now += 10) {
        const wanted = Math.min(most, adaptive.allowed);
        while (counts.length < wanted) counts.push(adaptive.begin());
        while (counts.length > wanted) counts.pop()?.end();
        for (const count of [...counts]) count.add((10 * line(counts.length)) / counts.length);
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
    expect(new Set(line.settled)).toEqual(new Set([12]));
  });

  it("goes back where more connections bring nothing", () => {
    const line = readFrom(allLimited);
    line.pass(3_000);
    expect(line.seen.slice(0, 3)).toEqual([2, 4, 2]);
    expect(new Set(line.settled)).toEqual(new Set([2]));
  });

  it("stops where the line is full", () => {
    const line = readFrom((connections) => Math.min(90_000, 20_000 * connections));
    line.pass(3_000);
    expect(line.seen.slice(0, 4)).toEqual([2, 4, 8, 4]);
  });

  it("is tried again later, because lines change", () => {
    const line = readFrom(allLimited);
    line.pass(3_000);
    line.pass(20_000, { line: eachLimited });
    expect(line.seen.at(-1)).toBe(12);
  });

  it("is doubted more and more rarely", () => {
    const line = readFrom(allLimited);
    line.pass(60_000);
    // after 1, 2, 4, 8, 16 seconds
    expect(line.settled.length).toBeLessThan(8);
  });

  it("is not judged while its reader uses fewer connections", () => {
    const line = readFrom(eachLimited);
    line.pass(1_000);
    const before = line.adaptive.allowed;
    line.pass(20_000, { most: before - 1 });
    expect(line.adaptive.allowed).toBeGreaterThanOrEqual(before);
  });

  it("says when it has grown", async () => {
    const line = readFrom(eachLimited);
    const { growth } = line.adaptive;
    line.pass(1_000);
    await growth;
    expect(line.adaptive.growth).not.toBe(growth);
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

const FILE = { bytes: 200 << 20, partBytes: 8 << 20 };

/** The same random numbers each time. */
function unevenWeather(seed: number): (now: number) => number {
  return (now) => 0.6 + 0.8 * Math.abs((Math.sin(seed + Math.floor(now / 50) * 12.9898) * 43_758.5453) % 1);
}

describe("the time for a file, compared with the best fixed number of connections", () => {
  const LINES: readonly [string, SimulatedLine, number][] = [
    ["near", { roundTripMs: 1, capacity: 400_000 }, 1.1],
    ["near, each connection limited", { roundTripMs: 1, capacity: 400_000, perConnection: 20_000 }, 1.5],
    ["50 ms away", { roundTripMs: 50, capacity: 100_000 }, 1.3],
    [
      "50 ms away, each connection limited",
      { roundTripMs: 50, capacity: 400_000, perConnection: 20_000 },
      1.9,
    ],
    ["50 ms away, uneven", { roundTripMs: 50, capacity: 100_000, weather: unevenWeather(1) }, 1.4],
    ["150 ms away", { roundTripMs: 150, capacity: 100_000 }, 1.4],
    ["50 ms away, a slow reader", { roundTripMs: 50, capacity: 400_000, reader: 40_000 }, 1.2],
  ];

  it.each(LINES)("%s", (_, line, factor) => {
    const fixed = [1, 2, 3, 4, 6, 8, 12].map((number) => readThrough(line, FILE, () => number));
    const adaptive = readThrough(line, FILE, (now) => new AdaptiveConnections({ most: 12, now }));
    expect(adaptive / Math.min(...fixed)).toBeLessThan(factor);
  });
});
