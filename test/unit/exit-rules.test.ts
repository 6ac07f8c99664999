import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Candidate, chooseExits } from "../../worker/services/exits/choose-exits.ts";
import { judgeResults } from "../../worker/services/exits/judge-results.ts";
import {
  availableAt,
  newPair,
  PACE,
  PAUSES,
  type PairHealth,
  refused,
  served,
  stateOf,
  taken,
} from "../../worker/services/exits/pair-health.ts";

const START = 1_700_000_000_000;
const botCheck = { reason: "bot_check", askedMs: 0, isSoft: false } as const;

/** What may happen to a pair, each after some milliseconds. */
const Event = fc.record({
  after: fc.integer({ min: 0, max: 30 * 60_000 }),
  type: fc.constantFrom("taken", "served", "refused", "soft"),
  askedMs: fc.integer({ min: 0, max: 3 * 60 * 60_000 }),
});

function play(events: readonly { after: number; type: string; askedMs: number }[], careful: boolean) {
  let [pair, now]: [PairHealth, number] = [newPair(careful), START];
  const seen = [{ before: pair, pair, now, type: "new" }];
  for (const { after, type, askedMs } of events) {
    now += after;
    const before = pair;
    // the dispatcher takes only what is available
    if (type === "taken" && availableAt(pair, now) <= now) pair = taken(pair, now);
    if (type === "served") pair = served(pair, now);
    if (type === "refused") pair = refused(pair, now, { ...botCheck, askedMs });
    if (type === "soft") pair = refused(pair, now, { reason: "forbidden", askedMs: 0, isSoft: true });
    seen.push({ before, pair, now, type });
  }
  return seen;
}

describe("the health of a pair", () => {
  it("never pauses for longer than asked or allowed, and always becomes available again", () => {
    fc.assert(
      fc.property(fc.array(Event, { maxLength: 60 }), fc.boolean(), (events, careful) => {
        for (const { pair, now } of play(events, careful)) {
          const at = availableAt(pair, now);
          expect(at).toBeLessThanOrEqual(now + PAUSES.longest);
          expect(availableAt(pair, at)).toBeLessThanOrEqual(Math.max(at, pair.probeUntil));
          expect(pair.pace === null || pair.pace >= PACE.least).toBe(true);
          expect(pair.pace === null || pair.pace < PACE.none).toBe(true);
        }
      }),
    );
  });

  it("opens at each certain refusal, and only a served run closes it", () => {
    fc.assert(
      fc.property(fc.array(Event, { maxLength: 60 }), (events) => {
        for (const { before, pair, now, type } of play(events, true)) {
          if (type === "refused") expect(stateOf(pair, now)).toBe("open");
          const [was, is] = [stateOf(before, now), stateOf(pair, now)];
          if (was !== "closed" && is === "closed") expect([was, type]).toEqual(["half_open", "served"]);
        }
      }),
    );
  });

  it("admits one probe at a time when a pause is over", () => {
    const open = refused(newPair(true), START, botCheck);
    const over = open.until;
    expect([stateOf(open, over - 1), stateOf(open, over)]).toEqual(["open", "half_open"]);
    expect(availableAt(open, over)).toBeLessThanOrEqual(over);
    const probed = taken(open, over);
    expect(availableAt(probed, over + 1)).toBeGreaterThan(over + 1);
    // a probe that was lost does not block the pair for good
    expect(availableAt(probed, probed.probeUntil)).toBeLessThanOrEqual(probed.probeUntil);
    expect(stateOf(served(probed, over + 5), over + 5)).toBe("closed");
    const again = refused(probed, over + 5, botCheck);
    expect(again.until - (over + 5)).toBe(2 * PAUSES.first);
  });

  it("counts refusals of runs that were under way once, and ignores their successes", () => {
    let pair = refused(newPair(true), START, botCheck);
    const { until, pace } = pair;
    for (let i = 1; i < 20; i++) pair = refused(pair, START + i, botCheck);
    expect([pair.strikes, pair.pace]).toEqual([1, pace]);
    expect(served(pair, START + 30)).toBe(pair);
    expect(pair.until - until).toBeLessThan(20);
  });

  it("starts carefully, never exceeds its pace by more than a burst, grows and halves", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), (stepMs) => {
        let pair = newPair(true);
        let runs = 0;
        for (let now = START; now <= START + 60_000; now += stepMs) {
          if (availableAt(pair, now) > now) continue;
          pair = taken(pair, now);
          runs += 1;
        }
        expect(runs).toBeLessThanOrEqual(PACE.start + 11);
      }),
    );
    let pair = newPair(true);
    for (let i = 0; i < PACE.start; i++) pair = served(pair, START);
    expect(pair.pace).toBe(2 * PACE.start);
    pair = refused(pair, START, botCheck);
    expect(pair.pace).toBe(PACE.start);
    for (let now = pair.until, i = 0; i < 10; i++) pair = served(pair, now);
    // beyond half of what was too fast, it grows slowly
    expect(pair.pace).toBeCloseTo(PACE.start + 1);
    for (let i = 0; i < 100_000; i++) pair = served(pair, pair.until + START * 2);
    expect(pair.pace).toBeNull();
  });

  it("opens at the third of several doubtful refusals in a row", () => {
    const soft = { reason: "forbidden", askedMs: 0, isSoft: true } as const;
    let pair = refused(refused(newPair(false), START, soft), START, soft);
    expect(stateOf(pair, START)).toBe("closed");
    expect(stateOf(refused(pair, START, soft), START)).toBe("open");
    pair = refused(served(pair, START), START, soft);
    expect(stateOf(pair, START)).toBe("closed");
  });
});

const HealthOf = fc.array(Event, { maxLength: 8 }).map((events) => play(events, true).at(-1)?.pair);
const Candidates = fc
  .array(
    fc.record({
      country: fc.constantFrom(null, "DE", "US"),
      costPerGb: fc.integer({ min: 0, max: 3 }),
      maxRuns: fc.constantFrom(null, 1, 5),
      running: fc.integer({ min: 0, max: 6 }),
      health: HealthOf.map((pair) => pair ?? newPair(true)),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((list): Candidate[] => list.map((candidate, index) => ({ name: `exit-${index}`, ...candidate })));

describe("the choice of exits", () => {
  it("gives only exits that are free, healthy and where the job wants them, each once", () => {
    const Now = fc.integer({ min: START, max: START + 4 * 60 * 60_000 });
    fc.assert(
      fc.property(Candidates, fc.constantFrom(null, "DE"), Now, (candidates, geo, now) => {
        const choice = chooseExits(candidates, { geo }, now, Math.random);
        const fitting = candidates.filter(({ country }) => geo === null || country === geo);
        if (choice.type === "none") {
          expect(fitting).toEqual([]);
          return;
        }
        const ready = fitting.filter(
          ({ maxRuns, running, health }) =>
            (maxRuns === null || running < maxRuns) && availableAt(health, now) <= now,
        );
        if (choice.type === "wait") {
          expect(ready).toEqual([]);
          expect(choice.until).toBeGreaterThan(now);
          return;
        }
        const names = ready.map(({ name }) => name);
        expect(new Set(choice.order).size).toBe(choice.order.length);
        expect(choice.order.every((name) => names.includes(name))).toBe(true);
        const states = choice.order.map((name) => {
          const found = candidates.find((candidate) => candidate.name === name);
          return found && stateOf(found.health, now);
        });
        // a run never relies on an exit that is itself only being tried
        expect(states.slice(1).every((state) => state === "closed")).toBe(true);
        const probes = ready.filter(({ health }) => stateOf(health, now) === "half_open");
        if (probes.length > 0) {
          expect(states[0]).toBe("half_open");
          return;
        }
        const costs = ready.map(({ costPerGb }) => costPerGb);
        expect(ready.find(({ name }) => name === choice.order[0])?.costPerGb).toBe(Math.min(...costs));
      }),
    );
  });

  // faster than an exit's pace, exits that are equally far ahead of it are equal
  it.each([
    ["tries each exit once before another one again", 0, 10],
    ["uses exits in turn while jobs come more slowly than an exit's pace", 1_001, 30],
  ])("%s", (_, shortest, jobs) => {
    const Pauses = fc.array(fc.integer({ min: shortest, max: 120_000 }), {
      minLength: jobs,
      maxLength: jobs,
    });
    fc.assert(
      fc.property(Pauses, fc.integer({ min: 0, max: 7 }), (pauses, running) => {
        const health = new Map(Array.from({ length: 10 }, (_, index) => [`exit-${index}`, newPair(true)]));
        const open: string[] = [];
        const used: string[] = [];
        let now = START;
        for (const pause of pauses) {
          now += pause;
          const candidates = [...health].map(
            ([name, pair]): Candidate => ({
              ...{ name, country: null, costPerGb: 1, maxRuns: null, health: pair },
              running: open.filter((other) => other === name).length,
            }),
          );
          const choice = chooseExits(candidates, {}, now, Math.random);
          const name = choice.type === "chosen" ? choice.order[0] : "";
          health.set(name, taken(health.get(name) ?? newPair(true), now));
          used.push(name);
          open.push(name);
          if (open.length > running) open.shift();
        }
        for (let at = 0; at < jobs; at += 10) expect(new Set(used.slice(at, at + 10)).size).toBe(10);
      }),
    );
  });

  it("takes the required exit or none", () => {
    const candidate = (name: string): Candidate => ({
      ...{ name, country: null, costPerGb: 0, maxRuns: null, running: 0 },
      health: newPair(true),
    });
    const both = [candidate("a"), candidate("b")];
    const chosen = (requiredExit: string) => chooseExits(both, { requiredExit }, START, () => 0);
    expect(chosen("b")).toEqual({ type: "chosen", order: ["b"] });
    expect(chosen("c")).toEqual({ type: "none" });
  });
});

describe("the judgement of a run's results", () => {
  const result = (exit: string, code: string, media = false) => ({ exit, result: code, media });
  const refusals = (results: ReturnType<typeof result>[], shared = false) =>
    judgeResults(results, () => shared)
      .filter(({ type }) => type === "refused")
      .map(({ exit, isSoft }) => `${exit}${isSoft ? "?" : ""}`);

  it("blames exits only for what another one did not meet", () => {
    expect(refusals([result("a", "bot_check"), result("b", "served")])).toEqual(["a"]);
    expect(refusals([result("a", "rate_limited")])).toEqual(["a"]);
    expect(refusals([result("a", "geo_blocked"), result("b", "geo_blocked")])).toEqual([]);
    expect(refusals([result("a", "forbidden"), result("b", "served")])).toEqual(["a?"]);
    expect(refusals([result("a", "unreachable"), result("b", "private")])).toEqual(["a"]);
    expect(refusals([result("a", "network")])).toEqual([]);
    expect(refusals([result("a", "bot_check")], true)).toEqual(["a?"]);
    expect(refusals([result("direct", "forbidden", true), result("a", "served")])).toEqual(["direct"]);
    expect(refusals([result("direct", "forbidden", true), result("a", "forbidden")])).toEqual([]);
  });
});
