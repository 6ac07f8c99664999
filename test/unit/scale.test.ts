import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ASSUMED, awakeInstances, scaleOf } from "../../bin/scale/model.ts";
import { costOf } from "../../bin/scale/prices.ts";
import { formatScale } from "../../bin/scale/tables.ts";
import { readConfig } from "../../worker/config.ts";
import { inRepository } from "../support/repository.ts";

describe("the cost calculation", () => {
  it("is what docs/scale.md shows", () => {
    const page = readFileSync(inRepository("docs/scale.md"), "utf8");
    for (const table of formatScale().trim().split("\n\n")) expect(page).toContain(table.trim());
  });

  it("uses the defaults of the configuration", () => {
    const config = readConfig({
      ADMIN_TOKEN: "operator-token-of-the-tests",
      PROCESSOR_TOKEN: "processor-token-of-the-tests",
      SEALING_KEYS: `tests:${Buffer.alloc(32, 7).toString("base64")}`,
      PUBLIC_URL: "https://waterspout.example",
      R2_ENDPOINT: "https://r2.example",
      R2_ACCESS_KEY_ID: "k",
      R2_SECRET_ACCESS_KEY: "s",
    });
    expect(ASSUMED).toMatchObject({
      idleSeconds: config.processorIdleMs / 1000,
      keptDays: config.retentionDays,
      rowDays: config.jobRetentionDays,
    });
    expect(config.processor).toMatchObject({ slots: { all: ASSUMED.slots } });
  });

  it("charges what is not included", () => {
    expect(costOf({ included: 10, each: 2 }, 15)).toBe(10);
    expect(costOf({ included: 1e6, perMillion: 0.4 }, 3e6)).toBe(0.8);
    expect(costOf({ included: 10, each: 2 }, 5)).toBe(0);
  });

  it("agrees with a simulation of jobs that arrive at random", () => {
    for (const perSecond of [0.01, 0.3, 2]) {
      const expected = awakeInstances(perSecond, ASSUMED);
      expect(Math.abs(simulated(perSecond) - expected) / expected).toBeLessThan(0.15);
    }
  });

  it("names an idle pair as the cost that the pool must avoid", () => {
    const { memoryIfSpread, costs } = scaleOf(1_000, { ...ASSUMED, idleSeconds: 300 });
    expect(Math.round(memoryIfSpread)).toBe(46);
    expect(costs["containers: memory and disk"]).toBeLessThan(memoryIfSpread * 0.6);
  });
});

/** Average number of instances that are awake, when each job takes the lowest one with a free slot. */
function simulated(perSecond: number): number {
  const { seconds, slots, idleSeconds } = ASSUMED;
  let state = 7;
  const random = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state + 1) / 2 ** 32;
  };
  const ends: number[][] = [];
  const awakeUntil: number[] = [];
  let awake = 0;
  let now = 0;
  const jobs = 20_000;
  for (let job = 0; job < jobs; job++) {
    now -= Math.log(random()) / perSecond;
    const present = now;
    let instance = 0;
    for (; ; instance++) {
      const running = (ends[instance] ?? []).filter((end) => end > present);
      ends[instance] = running;
      if (running.length < slots) break;
    }
    ends[instance]?.push(present + seconds);
    const until = present + seconds + idleSeconds;
    awake += until - Math.max(present, awakeUntil[instance] ?? 0);
    awakeUntil[instance] = Math.max(awakeUntil[instance] ?? 0, until);
  }
  return awake / now;
}
